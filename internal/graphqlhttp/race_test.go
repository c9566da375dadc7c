//go:build race

package graphqlhttp

func init() { raceDetector = true }
