package edm

import (
	"encoding/json"
	"encoding/xml"
	"fmt"
	"strings"
)

// NavigationProperty leads from an entity to a collection of others, which it contains (CSDL XML 4.01, section 8).
type NavigationProperty struct {
	Name       string
	EntityType *StructuredType
}

// Type is what a property has values of: a primitive type, unless one of Enum and Structured is there.
type Type struct {
	Name       string // qualified: Edm.String, microsoft.graph.identity
	Enum       *EnumType
	Structured *StructuredType
}

// StructuredType is a complex or an entity type (CSDL XML 4.01, sections 6 and 9).
type StructuredType struct {
	Name       string                // qualified
	Open       bool                  // whether values may have properties that are not declared
	Properties []*Property           // the inherited ones too, in the order of answers
	Navigation []*NavigationProperty // of the entity type that ParseCSDL returns; nil of others
}

// Property is a structural property (CSDL XML 4.01, section 7) and what a client may do with it.
type Property struct {
	Name       string
	Type       *Type
	Collection bool
	Nullable   bool // of a collection: whether an entry may be null (CSDL 4.01, section 7.2.1)
	Computed   bool // the server's alone (Org.OData.Core.V1.Computed)
	Immutable  bool // taken on create only (Org.OData.Core.V1.Immutable)
	Default    any  // as [StructuredType.Update] would take it; nil for none
}

// Property returns the property of that name, which is spelt as it is declared; nil where there is none.
func (t *StructuredType) Property(name string) *Property {
	for _, p := range t.Properties {
		if p.Name == name {
			return p
		}
	}
	return nil
}

// NavigationProperty returns the navigation property of that name; nil where there is none.
func (t *StructuredType) NavigationProperty(name string) *NavigationProperty {
	for _, p := range t.Navigation {
		if p.Name == name {
			return p
		}
	}
	return nil
}

// required tells whether a create must bring a value.
func (p *Property) required() bool {
	return !p.Nullable && !p.Collection && !p.Computed && p.Default == nil
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

// ParseCSDL reads a description of types with one schema (OData CSDL XML 4.01), and returns one of its entity types, by
// the name that it has without its namespace. Of that type it looks at the navigation properties too, which have to lead
// to collections. The error says where the description is broken: it is no XML, a type or a default of it does not fit,
// or there is no such entity type.
func ParseCSDL(text, entityType string) (*StructuredType, error) {
	var x edmx
	if err := xml.Unmarshal([]byte(text), &x); err != nil {
		return nil, fmt.Errorf("read the CSDL document: %w", err)
	}
	r := csdlReader{
		namespace: x.Schema.Namespace + ".",
		alias:     x.Schema.Alias + ".",
		types:     make(map[string]*Type),
		elements:  make(map[string]structuredElement),
	}
	for _, name := range []string{TypeString, TypeBoolean, TypeDouble, TypeInt32, TypeDate, TypeDateTimeOffset} {
		r.types[name] = &Type{Name: name}
	}
	for _, e := range x.Schema.EnumTypes {
		name := r.namespace + e.Name
		r.types[name] = &Type{Name: name, Enum: newEnumType(name, e)}
	}
	for _, e := range append(x.Schema.ComplexTypes, x.Schema.EntityTypes...) {
		name := r.namespace + e.Name
		r.elements[name] = e
		r.types[name] = &Type{Name: name, Structured: &StructuredType{Name: name, Open: e.OpenType}}
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
	types            map[string]*Type
	elements         map[string]structuredElement
}

// lookUp finds a type by the name that a reference to it has.
func (r *csdlReader) lookUp(reference string) (t *Type, collection bool, err error) {
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
	var plain, structured []*Property
	for element := r.elements[name]; ; {
		for _, e := range element.Properties {
			p, err := r.property(e)
			if err != nil {
				return err
			}
			if p.Type.Structured == nil {
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
		element = r.elements[base.Name]
	}
	r.types[name].Structured.Properties = append(plain, structured...)
	return nil
}

func (r *csdlReader) property(e propertyElement) (*Property, error) {
	t, collection, err := r.lookUp(e.Type)
	if err != nil {
		return nil, fmt.Errorf("property %s: %w", e.Name, err)
	}
	p := &Property{
		Name:       e.Name,
		Type:       t,
		Collection: collection,
		Nullable:   e.Nullable != "false",
		Computed:   e.has("Org.OData.Core.V1.Computed"),
		Immutable:  e.has("Org.OData.Core.V1.Immutable"),
	}
	if e.DefaultValue == nil {
		return p, nil
	}
	p.Default = *e.DefaultValue
	switch t.Name {
	case TypeBoolean:
		p.Default = *e.DefaultValue == "true"
	case TypeDouble, TypeInt32:
		p.Default = json.Number(*e.DefaultValue)
	}
	if _, err := t.accept(nil, p.Default); err != nil {
		return nil, fmt.Errorf("the default of property %s: %w", e.Name, err)
	}
	return p, nil
}

func (r *csdlReader) withNavigation(entityType string) (*StructuredType, error) {
	found := r.types[entityType]
	if found == nil || found.Structured == nil {
		return nil, fmt.Errorf("there is no entity type %s", entityType)
	}
	for _, e := range r.elements[entityType].Navigation {
		t, collection, err := r.lookUp(e.Type)
		if err != nil {
			return nil, fmt.Errorf("navigation property %s: %w", e.Name, err)
		}
		if !collection || t.Structured == nil {
			return nil, fmt.Errorf("navigation property %s: %s is not a collection of entities", e.Name, e.Type)
		}
		found.Structured.Navigation = append(found.Structured.Navigation, &NavigationProperty{Name: e.Name, EntityType: t.Structured})
	}
	return found.Structured, nil
}
