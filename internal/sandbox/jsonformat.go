package sandbox

import (
	"bytes"
	"encoding/json"
	"maps"
	"mime"
	"net/http"
	"slices"
	"strings"

	"profileql/internal/sandbox/edm"
	"profileql/internal/sandbox/odata"
)

// metadataLevel is the amount of control information in a response (OData JSON Format 4.01, section 3.1).
type metadataLevel string

const (
	metadataNone    metadataLevel = "none"
	metadataMinimal metadataLevel = "minimal"
	metadataFull    metadataLevel = "full"
)

// wantedLevel returns the level that the client requests by Accept: application/json;odata.metadata=….
func wantedLevel(r *http.Request) metadataLevel {
	for part := range strings.SplitSeq(r.Header.Get("Accept"), ",") {
		media, parameters, err := mime.ParseMediaType(part)
		if err != nil || media != "application/json" {
			continue
		}
		switch level := metadataLevel(parameters["odata.metadata"]); level {
		case metadataNone, metadataFull:
			return level
		}
	}
	return metadataMinimal
}

// open starts a JSON object with its context URL.
func (x *request) open(context string) *bytes.Buffer {
	b := bytes.NewBufferString("{")
	x.writeContext(b, "", context)
	return b
}

// writeContext writes the context URL of the object, or of one of its properties.
func (x *request) writeContext(b *bytes.Buffer, property, context string) {
	if x.level != metadataNone {
		writeMember(b, property+"@odata.context", context)
	}
}

// writeMember writes a member that is a string, and a comma.
func writeMember(b *bytes.Buffer, name, text string) {
	edm.WriteName(b, name)
	edm.WriteJSON(b, text)
	b.WriteByte(',')
}

// writeItems writes items of a facet as an array.
func (x *request) writeItems(b *bytes.Buffer, f *edm.NavigationProperty, items []*edm.Entity, chosen odata.Selection) {
	b.WriteByte('[')
	for _, i := range items {
		b.WriteByte('{')
		x.writeItem(b, f, i, chosen)
		b.WriteString("},")
	}
	if x.plan.Nulls.Entry() {
		b.WriteString("null,")
	}
	trimComma(b)
	b.WriteByte(']')
}

// trimComma removes the comma after the last entry of an array or an object.
func trimComma(b *bytes.Buffer) {
	if last := b.Len() - 1; b.Bytes()[last] == ',' {
		b.Truncate(last)
	}
}

// writeItem writes an item without its braces.
func (x *request) writeItem(b *bytes.Buffer, f *edm.NavigationProperty, i *edm.Entity, chosen odata.Selection) {
	if x.level == metadataFull {
		x.writeIdentity(b, f, i)
	}
	asStored := x.level != metadataFull && !x.plan.NumericEnums && x.plan.Nulls == nil
	for _, p := range chosen {
		if asStored && p.Inner == nil {
			b.WriteByte('"')
			b.WriteString(p.Name)
			b.WriteString(`":`)
			b.Write(i.Raw(p.Property))
		} else {
			x.writeProperty(b, p, i.Raw(p.Property))
		}
		b.WriteByte(',')
	}
	trimComma(b)
}

// writeIdentity writes the control information of an entity at the full level (OData JSON Format 4.01, sections
// 4.6.3, 4.6.8 and 4.6.9).
func (x *request) writeIdentity(b *bytes.Buffer, f *edm.NavigationProperty, i *edm.Entity) {
	writeMember(b, "@odata.type", "#"+f.EntityType.Name)
	id := edm.ValueOf(f.EntityType.Property("id"), i.Raw(f.EntityType.Property("id"))).Text
	path := odata.FormatKey(x.profile()+"/"+f.Name, id)
	writeMember(b, "@odata.id", x.root()+"/beta/"+path)
	writeMember(b, "@odata.editLink", path)
}

// writeProperty writes a property whose response differs from its stored form.
func (x *request) writeProperty(b *bytes.Buffer, p odata.SelectedProperty, raw json.RawMessage) {
	if p.Name != "id" && x.plan.Nulls.Property(p.Name) {
		raw = json.RawMessage("null")
	}
	if name := typeAnnotation(p.Property); x.level == metadataFull && name != "" && string(raw) != "null" {
		writeMember(b, p.Name+"@odata.type", name)
	}
	edm.WriteName(b, p.Name)
	if !p.Collection || string(raw) == "null" {
		x.writeValue(b, p, raw)
		return
	}
	b.WriteByte('[')
	for _, entry := range edm.SplitArray(raw) {
		x.writeValue(b, p, entry)
		b.WriteByte(',')
	}
	if x.plan.Nulls.Entry() {
		b.WriteString("null,")
	}
	trimComma(b)
	b.WriteByte(']')
}

// writeValue writes one value of a property or of a collection.
func (x *request) writeValue(b *bytes.Buffer, p odata.SelectedProperty, raw json.RawMessage) {
	members, isObject := edm.SplitObject(raw)
	switch {
	case p.Type.Structured != nil && isObject:
		x.writeStructure(b, p, members)
	case p.Type.Enum != nil && x.plan.NumericEnums && string(raw) != "null":
		edm.WriteJSON(b, p.Type.Enum.Number(raw))
	default:
		b.Write(raw)
	}
}

func (x *request) writeStructure(b *bytes.Buffer, p odata.SelectedProperty, members map[string]json.RawMessage) {
	t := p.Type.Structured
	inner := p.Inner
	if inner == nil {
		inner = odata.SelectAll(t)
	}
	b.WriteByte('{')
	if x.level == metadataFull {
		writeMember(b, "@odata.type", "#"+t.Name)
	}
	for _, member := range inner {
		raw := members[member.Name]
		if raw == nil {
			raw = member.Absent()
		}
		x.writeProperty(b, member, raw)
		b.WriteByte(',')
	}
	if p.Inner == nil {
		writeDynamic(b, t, members)
	}
	trimComma(b)
	b.WriteByte('}')
}

// writeDynamic writes the dynamic properties of an open type.
func writeDynamic(b *bytes.Buffer, t *edm.StructuredType, members map[string]json.RawMessage) {
	for _, name := range slices.Sorted(maps.Keys(members)) {
		if t.Property(name) == nil {
			edm.WriteName(b, name)
			b.Write(members[name])
			b.WriteByte(',')
		}
	}
}

// typeAnnotation returns the type annotation of a property at the full level. Strings, booleans and structures have
// none, since their JSON form implies the type (OData JSON Format 4.01, section 4.6.3).
func typeAnnotation(p *edm.Property) string {
	name := strings.TrimPrefix(p.Type.Name, "Edm.")
	switch {
	case p.Collection:
		return "#Collection(" + name + ")"
	case p.Type.Structured != nil || p.Type.Name == edm.TypeString || p.Type.Name == edm.TypeBoolean:
		return ""
	}
	return "#" + name
}
