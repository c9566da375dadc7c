package sandbox

import (
	"net/http"
	"net/url"

	"profileql/internal/sandbox/edm"
	"profileql/internal/sandbox/odata"
)

// create handles a POST to a facet.
func (s *Sandbox) create(w http.ResponseWriter, x *request) (answer, error) {
	chosen, err := x.returned()
	if err != nil {
		return answer{}, err
	}
	body, err := readBody(w, x.Request)
	if err != nil {
		return answer{}, err
	}
	doc, err := x.facet.EntityType.Create(body)
	if err != nil {
		return answer{}, err
	}
	id := s.newID()
	stamp(doc, id, x.caller, x.at)
	text := x.facet.EntityType.Encode(doc)
	x.id = id
	s.lag.hide(x, nil)
	if err := s.store.Insert(x.Context(), x.key(), text); err != nil {
		return answer{}, err
	}
	a, err := x.entity(http.StatusCreated, text, chosen)
	if err != nil {
		return answer{}, err
	}
	a.header.Set("Location", x.address()+"/"+url.PathEscape(id))
	return a, nil
}

// patch handles a PATCH of an item.
func (s *Sandbox) patch(w http.ResponseWriter, x *request) (answer, error) {
	chosen, err := x.returned()
	if err != nil {
		return answer{}, err
	}
	body, err := readBody(w, x.Request)
	if err != nil {
		return answer{}, err
	}
	var text []byte
	err = s.store.Update(x.Context(), x.key(), func(old []byte) ([]byte, error) {
		doc, err := unlocked(old)
		if err != nil {
			return nil, err
		}
		if err := x.facet.EntityType.Update(doc, body); err != nil {
			return nil, err
		}
		touch(doc, x.caller, x.at)
		s.lag.hide(x, old)
		text = x.facet.EntityType.Encode(doc)
		return text, nil
	})
	if err != nil {
		return answer{}, err
	}
	return x.entity(http.StatusOK, text, chosen)
}

// delete handles a DELETE of an item.
func (s *Sandbox) delete(x *request) (answer, error) {
	err := s.store.Delete(x.Context(), x.key(), func(doc []byte) error {
		if _, err := unlocked(doc); err != nil {
			return err
		}
		s.lag.hide(x, doc)
		return nil
	})
	return answer{status: http.StatusNoContent}, err
}

// returned returns the selection of the item in the response to a write. Only $select is allowed.
func (x *request) returned() (odata.Selection, error) {
	o, err := odata.ParseOptions(x.URL.RawQuery)
	if err != nil {
		return nil, err
	}
	if err := o.Only("$select"); err != nil {
		return nil, err
	}
	return o.Select(x.facet.EntityType)
}

// unlocked parses a document that may be changed. A locked item is reported as missing.
func unlocked(text []byte) (map[string]any, error) {
	doc, err := edm.ParseObject(text)
	if err != nil {
		return nil, err
	}
	if locked(doc) {
		return nil, noItem()
	}
	return doc, nil
}
