package sandbox

import (
	"encoding/json"
	"encoding/xml"
	"fmt"
	"strings"
)

// navigationProperty leads from an entity to a collection of others, which it contains.
type navigationProperty struct {
	name string
	item *structuredType
}

// edmType is a primitive type, unless one of its two fields says otherwise.
type edmType struct {
	name       string // qualified: Edm.String, microsoft.graph.identity
	enum       *enumType
	structured *structuredType
}

// structuredType is a complex or an entity type.
type structuredType struct {
	name       string
	open       bool
	properties []*property           // the inherited ones too, in the order of answers
	navigation []*navigationProperty // of an entity type that parseCSDL returns
}

// property is a structural property and what a client may do with it.
type property struct {
	name         string
	typ          *edmType
	collection   bool
	nullable     bool // of a collection: whether an entry may be null (CSDL 4.01, section 7.2.1)
	computed     bool // the server's alone (Org.OData.Core.V1.Computed)
	immutable    bool // taken on create only (Org.OData.Core.V1.Immutable)
	defaultValue any  // nil for none
}

func (t *structuredType) property(name string) *property {
	for _, p := range t.properties {
		if p.name == name {
			return p
		}
	}
	return nil
}

// navigationProperty returns nil where there is none of that name.
func (t *structuredType) navigationProperty(name string) *navigationProperty {
	for _, p := range t.navigation {
		if p.name == name {
			return p
		}
	}
	return nil
}

// required tells whether a create must bring a value.
func (p *property) required() bool {
	return !p.nullable && !p.collection && !p.computed && p.defaultValue == nil
}

// edmx is the XML form of as much of CSDL as the sandbox uses.
type edmx struct {
	Schema struct {
		Namespace    string              `xml:"Namespace,attr"`
		Alias        string              `xml:"Alias,attr"`
		EnumTypes    []enumElement       `xml:"EnumType"`
		ComplexTypes []structuredElement `xml:"ComplexType"`
		EntityTypes  []structuredElement `xml:"EntityType"`
	} `xml:"DataServices>Schema"`
}

type enumElement struct {
	Name    string `xml:"Name,attr"`
	IsFlags bool   `xml:"IsFlags,attr"`
	Members []struct {
		Name  string `xml:"Name,attr"`
		Value int64  `xml:"Value,attr"`
	} `xml:"Member"`
}

type structuredElement struct {
	Name       string            `xml:"Name,attr"`
	BaseType   string            `xml:"BaseType,attr"`
	OpenType   bool              `xml:"OpenType,attr"`
	Properties []propertyElement `xml:"Property"`
	Navigation []propertyElement `xml:"NavigationProperty"`
}

type propertyElement struct {
	Name         string  `xml:"Name,attr"`
	Type         string  `xml:"Type,attr"`
	Nullable     string  `xml:"Nullable,attr"` // true when absent
	DefaultValue *string `xml:"DefaultValue,attr"`
	Annotations  []struct {
		Term string `xml:"Term,attr"`
		Bool string `xml:"Bool,attr"` // true when absent
	} `xml:"Annotation"`
}

func (e propertyElement) has(term string) bool {
	for _, a := range e.Annotations {
		if a.Term == term && a.Bool != "false" {
			return true
		}
	}
	return false
}

// parseCSDL returns the entity type of that name, without its namespace, with its navigation properties.
func parseCSDL(text, entityType string) (*structuredType, error) {
	var x edmx
	if err := xml.Unmarshal([]byte(text), &x); err != nil {
		return nil, fmt.Errorf("read the CSDL document: %w", err)
	}
	r := csdlReader{
		namespace: x.Schema.Namespace + ".",
		alias:     x.Schema.Alias + ".",
		types:     make(map[string]*edmType),
		elements:  make(map[string]structuredElement),
	}
	for _, name := range []string{edmString, edmBoolean, edmDouble, edmInt32, edmDate, edmDateTimeOffset} {
		r.types[name] = &edmType{name: name}
	}
	for _, e := range x.Schema.EnumTypes {
		name := r.namespace + e.Name
		r.types[name] = &edmType{name: name, enum: newEnumType(name, e)}
	}
	for _, e := range append(x.Schema.ComplexTypes, x.Schema.EntityTypes...) {
		name := r.namespace + e.Name
		r.elements[name] = e
		r.types[name] = &edmType{name: name, structured: &structuredType{name: name, open: e.OpenType}}
	}
	for name := range r.elements {
		if err := r.complete(name); err != nil {
			return nil, fmt.Errorf("the CSDL type %s: %w", name, err)
		}
	}
	return r.withNavigation(r.namespace + entityType)
}

// csdlReader turns elements into types.
type csdlReader struct {
	namespace, alias string
	types            map[string]*edmType
	elements         map[string]structuredElement
}

// lookUp finds a type by the name that a reference to it has.
func (r *csdlReader) lookUp(reference string) (t *edmType, collection bool, err error) {
	name, collection := strings.CutPrefix(reference, "Collection(")
	name = strings.TrimSuffix(name, ")")
	if local, ok := strings.CutPrefix(name, r.alias); ok {
		name = r.namespace + local
	}
	if t = r.types[name]; t == nil {
		return nil, false, fmt.Errorf("type %s is not defined", reference)
	}
	return t, collection, nil
}

// complete gives a type its properties in the order that real answers have them in (a response of 2025): first the
// plain ones, then the complex ones, and of each kind those of the derived type before the inherited ones.
func (r *csdlReader) complete(name string) error {
	var plain, structured []*property
	for element := r.elements[name]; ; {
		for _, e := range element.Properties {
			p, err := r.property(e)
			if err != nil {
				return err
			}
			if p.typ.structured == nil {
				plain = append(plain, p)
			} else {
				structured = append(structured, p)
			}
		}
		if element.BaseType == "" {
			break
		}
		base, _, err := r.lookUp(element.BaseType)
		if err != nil {
			return err
		}
		element = r.elements[base.name]
	}
	r.types[name].structured.properties = append(plain, structured...)
	return nil
}

func (r *csdlReader) property(e propertyElement) (*property, error) {
	t, collection, err := r.lookUp(e.Type)
	if err != nil {
		return nil, fmt.Errorf("property %s: %w", e.Name, err)
	}
	p := &property{
		name:       e.Name,
		typ:        t,
		collection: collection,
		nullable:   e.Nullable != "false",
		computed:   e.has("Org.OData.Core.V1.Computed"),
		immutable:  e.has("Org.OData.Core.V1.Immutable"),
	}
	if e.DefaultValue == nil {
		return p, nil
	}
	p.defaultValue = *e.DefaultValue
	switch t.name {
	case edmBoolean:
		p.defaultValue = *e.DefaultValue == "true"
	case edmDouble, edmInt32:
		p.defaultValue = json.Number(*e.DefaultValue)
	}
	if _, err := t.accept(nil, p.defaultValue); err != nil {
		return nil, fmt.Errorf("the default of property %s: %w", e.Name, err)
	}
	return p, nil
}

func (r *csdlReader) withNavigation(entityType string) (*structuredType, error) {
	found := r.types[entityType]
	if found == nil || found.structured == nil {
		return nil, fmt.Errorf("there is no entity type %s", entityType)
	}
	for _, e := range r.elements[entityType].Navigation {
		t, collection, err := r.lookUp(e.Type)
		if err != nil {
			return nil, fmt.Errorf("navigation property %s: %w", e.Name, err)
		}
		if !collection || t.structured == nil {
			return nil, fmt.Errorf("navigation property %s: %s is not a collection of entities", e.Name, e.Type)
		}
		found.structured.navigation = append(found.structured.navigation, &navigationProperty{name: e.Name, item: t.structured})
	}
	return found.structured, nil
}
