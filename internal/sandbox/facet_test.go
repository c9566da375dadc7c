package sandbox

import (
	"context"
	"net/http/httptest"
	"strings"
	"testing"
)

// another is a facet that the sandbox does not have, with a type, an enumeration and a required property.
const another = `
<EnumType Name="languageProficiencyLevel"><Member Name="elementary" Value="0"/><Member Name="nativeOrBilingual" Value="5"/></EnumType>
<ComplexType Name="where"><Property Name="city" Type="Edm.String" Nullable="false"/><Property Name="since" Type="Edm.Date"/></ComplexType>
<EntityType Name="languageProficiency" BaseType="graph.itemFacet">
  <Property Name="displayName" Type="Edm.String" Nullable="false"/>
  <Property Name="learnt" Type="graph.where"/>
  <Property Name="speakers" Type="Edm.Int32" DefaultValue="1"/>
  <Property Name="spoken" Type="graph.languageProficiencyLevel"/>
</EntityType>`

// TestAnotherFacet tests that a facet can be added by its description alone, without Go code.
func TestAnotherFacet(t *testing.T) {
	t.Parallel()
	csdl := strings.Replace(description, "<EntityType ", another+"<EntityType ", 1)
	csdl = strings.Replace(csdl, "<NavigationProperty ",
		`<NavigationProperty Name="languages" Type="Collection(graph.languageProficiency)" ContainsTarget="true"/><NavigationProperty `, 1)
	box, err := Open(context.Background(), Options{})
	if err != nil {
		t.Fatal(err)
	}
	box.profile = profileType(t, csdl)
	server := httptest.NewServer(box.Handler())
	defer func() { server.Close(); _ = box.Close() }()
	c := client{t, server.URL + "/beta"}
	const languages = "/me/profile/languages"

	for body, status := range map[string]int{
		`{"displayName": "日本語", "spoken": "nativeOrBilingual", "learnt": {"city": "京都", "since": "1999-04-01"}}`: 201,
		`{"displayName": "Svenska", "spoken": "elementary", "speakers": 10000000}`:                               201,
		`{"spoken": "elementary"}`:                                        400,
		`{"displayName": "x", "spoken": "elementary, nativeOrBilingual"}`: 400, // not a flags enumeration
		`{"displayName": "x", "learnt": {}}`:                              400,
		`{"displayName": "x", "learnt": {"city": "y", "since": "1999"}}`:  400,
		`{"displayName": "x", "speakers": 1.5}`:                           400,
		`{"displayName": "x", "speakers": 2147483648}`:                    400,
		`{"displayName": "x", "categories": []}`:                          400,
	} {
		if a := c.do("POST", languages, body); a.status != status {
			t.Errorf("%s: %d %s", body, a.status, a.text)
		}
	}
	a := c.do("GET", languages+"?$orderby=speakers&$select=displayName,speakers,learnt&$filter=learnt%20ne%20null%20and%20learnt/since%20lt%202000-01-01%20or%20spoken%20lt%20%27nativeOrBilingual%27", "")
	const want = `"value":[{"displayName":"日本語","speakers":1,"learnt":{"city":"京都","since":"1999-04-01"}},{"displayName":"Svenska","speakers":10000000,"learnt":null}]}`
	if !strings.HasSuffix(a.text, want) {
		t.Errorf("got %s", a.text)
	}
	profile := c.do("GET", "/me/profile", "")
	for _, facet := range []string{"languages", "interests"} {
		if entries, _ := profile.body[facet].([]any); len(entries) == 0 || profile.body[facet+"@odata.context"] == nil {
			t.Errorf("the profile has no %s: %.300s", facet, profile.text)
		}
	}
}
