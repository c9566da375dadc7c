package main

import (
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/vektah/gqlparser/v2"
	"github.com/vektah/gqlparser/v2/ast"

	"profileql/test/scene"
)

// mostForFacet is the maximum factor by which the CPU time of a facet's update may differ from that of interests. The machine
// of a check is noisy.
const mostForFacet = 1.15

// BenchmarkFacetUpdates compares the CPU time of the same update of each facet with that of interests.
func BenchmarkFacetUpdates(b *testing.B) {
	parsed, err := gqlparser.LoadSchema(&ast.Source{Input: schema})
	if err != nil {
		b.Fatal(err)
	}
	handler := newTestHandler(b, "http://source.example/beta", answering(string(scene.StubAnswer)), io.Discard)
	bodies := make(map[string][]byte)
	for _, field := range parsed.Mutation.Fields {
		if strings.HasPrefix(field.Name, "update") {
			bodies[field.Name] = facetUpdate(b, parsed, field)
		}
	}
	for name, body := range bodies {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				var ratio float64
				for range 3 {
					if ratio = ratioOfBodies(b, handler, body, handler, bodies["updatePersonInterest"]); ratio <= mostForFacet {
						break
					}
				}
				b.ReportMetric(ratio, "times")
				if ratio > mostForFacet {
					b.Errorf("it takes %.3f times the CPU time of interests", ratio)
				}
			}
		})
	}
}

// facetUpdate returns an update of properties that all facets have.
func facetUpdate(b *testing.B, parsed *ast.Schema, field *ast.FieldDefinition) []byte {
	payload := parsed.Types[field.Type.Name()]
	return scene.Body(b, fmt.Sprintf(`mutation ($input: %s!) { %s(input: $input) { %s { id itemId allowedAudiences
		inference { confidenceScore } createdDateTime createdBy { user { id displayName } } lastModifiedDateTime isSearchable } } }`,
		field.Arguments.ForName("input").Type.Name(), field.Name, payload.Fields[0].Name,
	), map[string]any{"input": map[string]any{
		"id": scene.GlobalID("upstream", "", facetOf(parsed, payload.Fields[0].Type.Name()), scene.StubItem), "patch": map[string]any{"allowedAudiences": []string{"ORGANIZATION"}},
	}})
}

// facetOf returns the field of Profile that lists the items of a type.
func facetOf(parsed *ast.Schema, item string) string {
	for _, field := range parsed.Types["Profile"].Fields {
		if field.Type.Name() == item+"Connection" {
			return field.Name
		}
	}
	return ""
}
