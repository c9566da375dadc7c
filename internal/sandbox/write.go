package sandbox

import (
	"net/http"
	"net/url"
)

// create answers a POST to a facet.
func (s *Sandbox) create(w http.ResponseWriter, x *request) (answer, error) {
	body, err := readBody(w, x.Request)
	if err != nil {
		return answer{}, err
	}
	doc := make(map[string]any)
	if err := x.facet.item.merge(doc, body, true); err != nil {
		return answer{}, err
	}
	id := s.newID()
	stamp(doc, id, x.caller, x.at)
	text := x.facet.item.encode(doc)
	if err := s.store.insert(x.Context(), key{x.owner.ID, x.facet.name, id}, text); err != nil {
		return answer{}, err
	}
	a, err := x.entity(http.StatusCreated, text, x.facet.item.properties)
	a.location = x.address() + "/" + url.PathEscape(id)
	return a, err
}

// patch answers a PATCH of an item.
func (s *Sandbox) patch(w http.ResponseWriter, x *request) (answer, error) {
	body, err := readBody(w, x.Request)
	if err != nil {
		return answer{}, err
	}
	var text []byte
	err = s.store.update(x.Context(), key{x.owner.ID, x.facet.name, x.id}, func(old []byte) ([]byte, error) {
		doc, err := unlocked(old)
		if err != nil {
			return nil, err
		}
		if err := x.facet.item.merge(doc, body, false); err != nil {
			return nil, err
		}
		touch(doc, x.caller, x.at)
		text = x.facet.item.encode(doc)
		return text, nil
	})
	if err != nil {
		return answer{}, err
	}
	return x.entity(http.StatusOK, text, x.facet.item.properties)
}

// delete answers a DELETE of an item.
func (s *Sandbox) delete(x *request) (answer, error) {
	err := s.store.delete(x.Context(), key{x.owner.ID, x.facet.name, x.id}, func(doc []byte) error {
		_, err := unlocked(doc)
		return err
	})
	return answer{status: http.StatusNoContent}, err
}

// unlocked reads a document that may be changed. Others do not exist for those who want to change them.
func unlocked(text []byte) (map[string]any, error) {
	doc, err := parseObject(text)
	if err != nil {
		return nil, err
	}
	if locked(doc) {
		return nil, noItem()
	}
	return doc, nil
}
