package config

import (
	"fmt"
	"net/url"
	"slices"
	"strings"
)

// graphHosts are the national clouds of Microsoft Graph
// (https://learn.microsoft.com/graph/deployments#microsoft-graph-and-graph-explorer-service-root-endpoints).
var graphHosts = []string{"graph.microsoft.com", "graph.microsoft.us", "dod-graph.microsoft.us", "microsoftgraph.chinacloudapi.cn"}

// Warnings reports base URLs that are well formed but wrong: Microsoft Graph has the profile API only below /beta, and
// responds 400 elsewhere.
func (c *Config) Warnings() (all []string) {
	for _, s := range c.Sources {
		u, err := url.Parse(s.URL)
		if err != nil || !slices.Contains(graphHosts, strings.ToLower(u.Hostname())) || strings.Trim(u.Path, "/") == "beta" {
			continue
		}
		all = append(all, fmt.Sprintf("source %s: Microsoft Graph has the profile API at https://%s/beta; the url is %s", s.Name, u.Host, s.URL))
	}
	return all
}
