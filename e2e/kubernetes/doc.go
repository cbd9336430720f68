// Package kubernetes tests docs/service.md: its manifest has no field that Kubernetes does not
// know, and the kubelet's own prober asks its probes of examples/service, on a real Redis. It has no
// code of its own, and is a module of its own because k8s.io/kubernetes is large.
package kubernetes
