package profile

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"unicode/utf8"
)

// maxClaims is the maximum length of a claims challenge in bytes. Microsoft Entra's have about a hundred.
const maxClaims = 4 << 10

// ClaimsChallenge returns the claims that an identity provider or a source demands of a new token, as a compact JSON
// object for [Error].Claims. The text is JSON, or JSON in base64 as in WWW-Authenticate. It returns "" for anything
// else, and for more than 4 KiB: the claims are passed on to callers, so nothing else may be in them.
func ClaimsChallenge(text string) string {
	if len(text) > 2*maxClaims {
		return ""
	}
	claims := []byte(text)
	if decoded, err := base64.StdEncoding.DecodeString(text); err == nil {
		claims = decoded
	}
	var compact bytes.Buffer
	if !utf8.Valid(claims) || json.Compact(&compact, claims) != nil || compact.Len() > maxClaims || compact.Bytes()[0] != '{' {
		return ""
	}
	return compact.String()
}
