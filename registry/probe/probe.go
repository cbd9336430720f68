// Package probe has HTTP handlers for the health of a service: liveness and readiness, as
// Kubernetes and load balancers ask for them, and the whole as JSON.
//
// They answer from the memory of the process and never ask the store: a store that is down ends no
// process. They answer GET and HEAD.
package probe

import (
	"encoding/json"
	"fmt"
	"net/http"

	"github.com/leasehold-go/leasehold/registry"
	"github.com/leasehold-go/leasehold/store"
)

// Live answers 200 while the service is live, and otherwise 503 with the reason; see
// [registry.Health.Live].
func Live[S comparable](h *registry.Health[S]) http.Handler { return yesOrNo(h.Live) }

// Ready answers 200 while the service is ready, and otherwise 503 with the reason; see
// [registry.Health.Ready].
func Ready[S comparable](h *registry.Health[S]) http.Handler { return yesOrNo(h.Ready) }

func yesOrNo(ask func() error) http.Handler {
	return reading(func(w http.ResponseWriter) {
		if err := ask(); err != nil {
			http.Error(w, err.Error(), http.StatusServiceUnavailable)
			return
		}
		fmt.Fprintln(w, "ok")
	})
}

// status is the answer of Status.
type status struct {
	Key       string               `json:"key,omitempty"`
	Phase     registry.HealthPhase `json:"phase"`
	State     string               `json:"state,omitempty"`
	Token     store.Token          `json:"token,omitempty"`
	Live      bool                 `json:"live"`
	LiveError string               `json:"live_error,omitempty"`
	Ready     bool                 `json:"ready"`
	NotReady  string               `json:"not_ready,omitempty"` // the reason
}

// Status answers 200 with a JSON object: key, phase ([registry.HealthPhase]), state and token of
// the instance, and whether the service is live and ready, with the reasons if it is not
// (live_error, not_ready).
func Status[S comparable](h *registry.Health[S]) http.Handler {
	return reading(func(w http.ResponseWriter) {
		r := h.Status()
		s := status{Key: r.Key, Phase: r.Phase, Token: r.Token, Live: r.Live == nil, Ready: r.Ready == nil}
		if r.Token != 0 {
			s.State = fmt.Sprint(r.State)
		}
		if r.Live != nil {
			s.LiveError = r.Live.Error()
		}
		if r.Ready != nil {
			s.NotReady = r.Ready.Error()
		}
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(s) // fails if the client is gone
	})
}

// reading refuses methods that do not read, and answers that a cache would keep.
func reading(answer func(http.ResponseWriter)) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodGet && r.Method != http.MethodHead {
			w.Header().Set("Allow", "GET, HEAD")
			http.Error(w, "use GET", http.StatusMethodNotAllowed)
			return
		}
		w.Header().Set("Cache-Control", "no-store")
		answer(w)
	})
}
