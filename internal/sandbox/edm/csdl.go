package edm

import (
	"encoding/json"
	"encoding/xml"
	"fmt"
	"strings"
)

// NavigationProperty is a contained, collection-valued navigation property of an entity type (CSDL XML 4.01, section
// 8).
type NavigationProperty struct {
	Name       string
	EntityType *StructuredType
}

// Type is the type of a property's values: primitive, unless Enum or Structured is set.
type Type struct {
	Name       string // qualified, such as Edm.String or microsoft.graph.identity
	Enum       *EnumType
	Structured *StructuredType
}

// StructuredType is a complex or an entity type (CSDL XML 4.01, sections 6 and 9).
type StructuredType struct {
	Name       string                // qualified
	Open       bool                  // whether values may have properties that are not declared
	Properties []*Property           // including inherited ones, in the order of responses
	Navigation []*NavigationProperty // of the entity type that ParseCSDL returns; nil for others
}

// Property is a structural property (CSDL XML 4.01, section 7) with its permissions.
type Property struct {
	Name       string
	Type       *Type
	Collection bool
	Nullable   bool // for a collection: whether entries may be null (CSDL 4.01, section 7.2.1)
	Computed   bool // set by the server only (Org.OData.Core.V1.Computed)
	Immutable  bool // accepted on create only (Org.OData.Core.V1.Immutable)
	Default    any  // in the form that [StructuredType.Update] takes; nil for none
}

// Property returns the property of that name, which is case-sensitive, or nil if there is none.
func (t *StructuredType) Property(name string) *Property {
	for _, p := range t.Properties {
		if p.Name == name {
			return p
		}
	}
	return nil
}

// NavigationProperty returns the navigation property of that name, or nil if there is none.
func (t *StructuredType) NavigationProperty(name string) *NavigationProperty {
	for _, p := range t.Navigation {
		if p.Name == name {
			return p
		}
	}
	return nil
}

// required reports whether a create must have a value.
func (p *Property) required() bool {
	return !p.Nullable && !p.Collection && !p.Computed && p.Default == nil
}

// edmx is the part of CSDL's XML form that the sandbox uses.
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
	Nullable     string  `xml:"Nullable,attr"` // absent means true
	DefaultValue *string `xml:"DefaultValue,attr"`
	Annotations  []struct {
		Term string `xml:"Term,attr"`
		Bool string `xml:"Bool,attr"` // absent means true
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

// ParseCSDL parses a CSDL document with one schema (OData CSDL XML 4.01), and returns the entity type of the given
// unqualified name. The navigation properties of that type must be collections. The error says where the document is
// wrong: it is not XML, a type or a default value is invalid, or the entity type is missing.
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

// csdlReader converts elements to types.
type csdlReader struct {
	namespace, alias string
	types            map[string]*Type
	elements         map[string]structuredElement
}

// lookUp resolves a reference to a type.
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

// complete sets the properties of a type, in the order of real responses (one of 2025): first those that are not
// complex, then the complex ones, and in each group those of the derived type before the inherited ones.
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
