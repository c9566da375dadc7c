package profile

import (
	"encoding/base64"
	"encoding/json"
	"strings"
	"testing"
)

func TestClaimsChallenge(t *testing.T) {
	t.Parallel()
	const claims = `{"access_token":{"nbf":{"essential":true,"value":"1604106651"}}}`
	encode := base64.StdEncoding.EncodeToString
	longest := `{"a":"` + strings.Repeat("x", maxClaims-8) + `"}`
	for text, want := range map[string]string{
		claims: claims, encode([]byte(claims)): claims, " { \"access_token\" : null }\n": `{"access_token":null}`, "{}": "{}",
		longest: longest, encode([]byte(longest)): longest, longest + " ": longest,
		"": "", "x": "", "[]": "", "null": "", `"{}"`: "", "1234": "", "{": "", "{}{}": "", "{\"a\":\"\xff\"}": "", encode([]byte("{\"a\":\"\xff\"}")): "",
		encode([]byte(encode([]byte(claims)))): "", `{"b":` + longest + "}": "", "{}" + strings.Repeat(" ", 2*maxClaims): "",
	} {
		if got := ClaimsChallenge(text); got != want {
			t.Errorf("%.80q: got %.80q; want %.80q", text, got, want)
		}
	}
}

func FuzzClaimsChallenge(f *testing.F) {
	for _, text := range []string{`{"access_token":{}}`, "e30=", "[]", "", "{\"\u2028\":1}", " {} "} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		claims := ClaimsChallenge(text)
		if claims == "" {
			return
		}
		var object map[string]any
		if err := json.Unmarshal([]byte(claims), &object); err != nil || object == nil || len(claims) > maxClaims {
			t.Errorf("%q is passed on as %q: %v", text, claims, err)
		}
		if again := ClaimsChallenge(claims); again != claims {
			t.Errorf("%q becomes %q", claims, again)
		}
	})
}
