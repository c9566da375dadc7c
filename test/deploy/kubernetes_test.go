package deploy

import (
	"maps"
	"net/http"
	"net/url"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	autoscalingv2 "k8s.io/api/autoscaling/v2"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	policyv1 "k8s.io/api/policy/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/serializer/json"
	"k8s.io/apimachinery/pkg/util/intstr"
	podsecurityapi "k8s.io/pod-security-admission/api"
	podsecurity "k8s.io/pod-security-admission/policy"
	"sigs.k8s.io/kustomize/api/krusty"
	"sigs.k8s.io/kustomize/kyaml/filesys"
	"sigs.k8s.io/yaml"
)

// decode decodes a manifest as the API server does with strict validation: unknown and repeated fields are errors, and names
// are case-sensitive.
func decode(t *testing.T, manifest []byte) runtime.Object {
	t.Helper()
	scheme := runtime.NewScheme()
	for _, add := range []func(*runtime.Scheme) error{
		appsv1.AddToScheme, autoscalingv2.AddToScheme, corev1.AddToScheme, networkingv1.AddToScheme, policyv1.AddToScheme,
	} {
		if err := add(scheme); err != nil {
			t.Fatal(err)
		}
	}
	strict := json.NewSerializerWithOptions(json.DefaultMetaFactory, scheme, scheme, json.SerializerOptions{Yaml: true, Strict: true})
	object, _, err := strict.Decode(manifest, nil, nil)
	if err != nil {
		t.Fatalf("%v\n%s", err, manifest)
	}
	return object
}

// manifests is what a kustomization renders.
type manifests struct {
	deployment *appsv1.Deployment
	service    *corev1.Service
	account    *corev1.ServiceAccount
	config     *corev1.ConfigMap
	disruption *policyv1.PodDisruptionBudget
	scaler     *autoscalingv2.HorizontalPodAutoscaler
	network    *networkingv1.NetworkPolicy
}

// render renders a kustomization in deploy/kubernetes.
func render(t *testing.T, name string) *manifests {
	t.Helper()
	return renderFolder(t, "deploy/kubernetes/"+name)
}

func renderFolder(t *testing.T, folder string) *manifests {
	t.Helper()
	rendered, err := krusty.MakeKustomizer(krusty.MakeDefaultOptions()).Run(filesys.MakeFsOnDisk(), folder)
	if err != nil {
		t.Fatal(err)
	}
	m := new(manifests)
	for _, resource := range rendered.Resources() {
		manifest, err := resource.AsYAML()
		if err != nil {
			t.Fatal(err)
		}
		switch object := decode(t, manifest).(type) {
		case *appsv1.Deployment:
			m.deployment = object
		case *corev1.Service:
			m.service = object
		case *corev1.ServiceAccount:
			m.account = object
		case *corev1.ConfigMap:
			m.config = object
		case *policyv1.PodDisruptionBudget:
			m.disruption = object
		case *autoscalingv2.HorizontalPodAutoscaler:
			m.scaler = object
		case *networkingv1.NetworkPolicy:
			m.network = object
		default:
			t.Fatalf("%T is not tested", object)
		}
	}
	if rendered.Size() != 7 || len(m.pod().Containers) != 1 {
		t.Fatalf("%s has %d manifests", folder, rendered.Size())
	}
	return m
}

// kustomizations are the folders in deploy/kubernetes.
var kustomizations = []string{"base", "workload-identity"}

func (m *manifests) pod() *corev1.PodSpec { return &m.deployment.Spec.Template.Spec }

func (m *manifests) container() *corev1.Container { return &m.pod().Containers[0] }

// TestKubernetesReferences tests that manifests refer to each other, and to ports of the container.
func TestKubernetesReferences(t *testing.T) {
	t.Parallel()
	for _, name := range kustomizations {
		m := render(t, name)
		pod := labels.Set(m.deployment.Spec.Template.Labels)
		service := &metav1.LabelSelector{MatchLabels: m.service.Spec.Selector}
		for what, selector := range map[string]*metav1.LabelSelector{
			"Deployment": m.deployment.Spec.Selector, "Service": service, "PodDisruptionBudget": m.disruption.Spec.Selector,
			"NetworkPolicy": &m.network.Spec.PodSelector, "topology": m.pod().TopologySpreadConstraints[0].LabelSelector,
		} {
			s, err := metav1.LabelSelectorAsSelector(selector)
			if err != nil || s.Empty() || !s.Matches(pod) {
				t.Errorf("%s: the %s selects %v, and the pods have %v (%v)", name, what, s, pod, err)
			}
		}
		target := m.scaler.Spec.ScaleTargetRef
		if target.Kind != "Deployment" || target.APIVersion != "apps/v1" || target.Name != m.deployment.Name {
			t.Errorf("%s: the HorizontalPodAutoscaler is for %+v", name, target)
		}
		if m.deployment.Spec.Replicas != nil {
			t.Errorf("%s: the Deployment and the HorizontalPodAutoscaler both set the number of replicas", name)
		}
		if m.scaler.Spec.Metrics[0].Resource.Name != corev1.ResourceCPU || m.container().Resources.Requests.Cpu().IsZero() {
			t.Errorf("%s: the HorizontalPodAutoscaler needs a request for CPU", name)
		}
		if least := int(*m.scaler.Spec.MinReplicas); least < 2 || m.disruption.Spec.MaxUnavailable.IntValue() >= least {
			t.Errorf("%s: of %d replicas, %v may be unavailable", name, least, m.disruption.Spec.MaxUnavailable)
		}
		if m.pod().ServiceAccountName != m.account.Name || *m.account.AutomountServiceAccountToken || *m.pod().AutomountServiceAccountToken {
			t.Errorf("%s: the pods have the token of the ServiceAccount %s", name, m.pod().ServiceAccountName)
		}
		if got := m.pod().Volumes[0].ConfigMap.Name; got != m.config.Name || got == "profileql" {
			t.Errorf("%s: the ConfigMap %s is mounted, and %s is there", name, got, m.config.Name)
		}
	}
}

// TestKubernetesSecret tests that the example is the Secret that the Deployment names.
func TestKubernetesSecret(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("deploy/kubernetes/secret.example.yaml")
	if err != nil {
		t.Fatal(err)
	}
	secret, isSecret := decode(t, text).(*corev1.Secret)
	if named := render(t, "base").container().EnvFrom[0].SecretRef; !isSecret || named.Name != secret.Name || !*named.Optional {
		t.Errorf("the Deployment names %+v", named)
	}
}

// TestKubernetesPorts tests the ports of the arguments, the container, the probes, the Service and the NetworkPolicy.
func TestKubernetesPorts(t *testing.T) {
	t.Parallel()
	for _, name := range kustomizations {
		m := render(t, name)
		ports := make(map[string]int32)
		for _, p := range m.container().Ports {
			ports[p.Name] = p.ContainerPort
		}
		_, public := address(t, argument(m.container().Args, "--listen"))
		_, admin := address(t, argument(m.container().Args, "--admin"))
		if want := map[string]int32{"http": public, "admin": admin}; !maps.Equal(ports, want) {
			t.Errorf("%s: the container has the ports %v, want %v", name, ports, want)
		}
		if len(m.service.Spec.Ports) != 1 || m.service.Spec.Ports[0].TargetPort != intstr.FromString("http") {
			t.Errorf("%s: the Service has %+v; it must not publish the operator's listener", name, m.service.Spec.Ports)
		}
		for _, rule := range m.network.Spec.Ingress {
			for _, p := range rule.Ports {
				switch p.Port.StrVal {
				case "http":
				case "admin":
					if len(rule.From) == 0 {
						t.Errorf("%s: everybody can reach the operator's listener", name)
					}
				default:
					t.Errorf("%s: the NetworkPolicy has the port %v, which the container does not have", name, p.Port)
				}
			}
		}
		out := map[int32]bool{53: true}
		for _, upstream := range sourceURLs(t, m.config.Data["sources.yaml"]) {
			out[upstreamPort(t, upstream)] = true
		}
		for _, rule := range m.network.Spec.Egress {
			for _, p := range rule.Ports {
				if !out[p.Port.IntVal] {
					t.Errorf("%s: pods can reach the port %v, which no source has", name, p.Port)
				}
			}
		}
		for needed := range out {
			if !slices.ContainsFunc(m.network.Spec.Egress, func(rule networkingv1.NetworkPolicyEgressRule) bool {
				return slices.ContainsFunc(rule.Ports, func(p networkingv1.NetworkPolicyPort) bool { return p.Port.IntVal == needed })
			}) {
				t.Errorf("%s: pods cannot reach the port %d", name, needed)
			}
		}
	}
}

// sourceURLs returns the addresses of the sources in a configuration file.
func sourceURLs(t *testing.T, config string) (urls []string) {
	t.Helper()
	var file struct{ Sources []struct{ URL string } }
	if err := yaml.Unmarshal([]byte(config), &file); err != nil {
		t.Fatal(err)
	}
	for _, s := range file.Sources {
		urls = append(urls, s.URL)
	}
	return urls
}

func upstreamPort(t *testing.T, address string) int32 {
	t.Helper()
	if u, err := url.Parse(address); err != nil || u.Scheme != "https" || u.Port() != "" {
		t.Fatalf("%s is not an address at the port of HTTPS", address)
	}
	return 443
}

// TestKubernetesSecurity tests the pods with the code of Kubernetes' Pod Security Standards, at the level "restricted".
func TestKubernetesSecurity(t *testing.T) {
	t.Parallel()
	evaluator, err := podsecurity.NewEvaluator(podsecurity.DefaultChecks(), nil)
	if err != nil {
		t.Fatal(err)
	}
	restricted := podsecurityapi.LevelVersion{Level: podsecurityapi.LevelRestricted, Version: podsecurityapi.LatestVersion()}
	for _, name := range kustomizations {
		m := render(t, name)
		for _, result := range evaluator.EvaluatePod(restricted, &m.deployment.Spec.Template.ObjectMeta, m.pod()) {
			if !result.Allowed {
				t.Errorf("%s: %s: %s", name, result.ForbiddenReason, result.ForbiddenDetail)
			}
		}
		if readOnly := m.container().SecurityContext.ReadOnlyRootFilesystem; readOnly == nil || !*readOnly {
			t.Errorf("%s: the container can change its files", name)
		}
	}
}

// TestKubernetesStops tests that Kubernetes waits until a replica has stopped, and notices in time that it will.
func TestKubernetesStops(t *testing.T) {
	t.Parallel()
	m := render(t, "base")
	grace(t, "terminationGracePeriodSeconds", time.Duration(*m.pod().TerminationGracePeriodSeconds)*time.Second)
	probe := m.container().ReadinessProbe
	if notices := time.Duration(probe.PeriodSeconds*probe.FailureThreshold) * time.Second; notices >= 5*time.Second {
		t.Errorf("the readiness probe needs %v, and a replica accepts connections for 5 seconds after SIGTERM", notices)
	}
}

// TestKubernetesRuns starts the container of each kustomization out of the image, and asks as the probes do.
func TestKubernetesRuns(t *testing.T) {
	t.Parallel()
	i := builtImage(t)
	for _, name := range kustomizations {
		m := render(t, name)
		args := m.container().Args
		file := supervisedArguments(t, args)
		mount := m.container().VolumeMounts[0]
		if path.Dir(file) != mount.MountPath {
			t.Errorf("%s: --config is %s, and the ConfigMap is mounted at %s", name, file, mount.MountPath)
		}
		volumes := make(map[string][]byte)
		for key, text := range m.config.Data {
			volumes[path.Join(mount.MountPath, key)] = []byte(text)
		}
		if len(m.container().Command) > 0 || m.container().WorkingDir != "" {
			t.Errorf("%s: the container does not run the image's entrypoint", name)
		}
		user := m.pod().SecurityContext
		if got := i.config.Config.User; got != "65532:65532" || *user.RunAsUser != 65532 || *user.RunAsGroup != 65532 {
			t.Errorf("%s: the image's user is %s, that of the pod %d:%d", name, got, *user.RunAsUser, *user.RunAsGroup)
		}
		c := i.container(t, volumes)
		c.check(t, args)
		p := startFor(t, c.command(t, nil, onFreePorts(args)...))
		for what, probe := range map[string]*corev1.Probe{"readiness": m.container().ReadinessProbe, "liveness": m.container().LivenessProbe} {
			listeners := map[string]string{"admin": p.admin, "http": strings.TrimSuffix(p.graphQL, "/graphql")}
			if got := status(http.DefaultClient, listeners[probe.HTTPGet.Port.StrVal]+probe.HTTPGet.Path); got != http.StatusNoContent {
				t.Errorf("%s: the %s probe of %s gets %d", name, what, probe.HTTPGet.Path, got)
			}
		}
	}
}

// TestKubernetesDocumentation tests the kustomization in docs/deployment.md.
func TestKubernetesDocumentation(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile("docs/deployment.md")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(page), "```yaml\n")
	block, _, _ := strings.Cut(rest, "```")
	const sources = "sources:\n  - {name: graph, kind: profile, url: 'https://graph.microsoft.com/beta', timeout: 5s}\n"
	folder := t.TempDir()
	base, err := filepath.Abs("deploy/kubernetes/base")
	if err == nil {
		base, err = filepath.Rel(folder, base)
	}
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{
		"kustomization.yaml": replaced(t, block, "deploy/kubernetes/base", base), "sources.yaml": sources,
	} {
		if err := os.WriteFile(filepath.Join(folder, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	m := renderFolder(t, folder)
	if got := m.container().Image; got != "registry.example.com/profileql:0.1.0" || m.deployment.Namespace != "profileql" {
		t.Errorf("the image is %s, and the namespace %s", got, m.deployment.Namespace)
	}
	if m.config.Data["sources.yaml"] != sources || m.pod().Volumes[0].ConfigMap.Name != m.config.Name {
		t.Errorf("the ConfigMap is %+v", m.config)
	}
}
