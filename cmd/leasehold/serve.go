package main

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"os"

	"github.com/spf13/cobra"

	"github.com/leasehold-go/leasehold/cmd/leasehold/internal/page"
	"github.com/leasehold-go/leasehold/store"
)

func (p *program) serve() *cobra.Command {
	var cfg page.Config
	var tokenFile, cert, key, clientCA string
	c := &cobra.Command{
		Use: "serve", Short: "Serve a page that shows every instance, live",
		Long: "Serve a page for browsers that shows the instances whose keys begin with --prefix, as they change.\n\n" +
			"It listens on this machine alone unless --listen says otherwise; then it needs a secret that its users\n" +
			"know (--token-file), or their certificates (--client-ca). Open its address once with ?token=SECRET; the\n" +
			"browser remembers it. A proxy in front may send Authorization: Bearer SECRET instead; name the host by\n" +
			"which browsers reach the proxy with --host, and the path with --base-path, whether it strips it or not.\n" +
			"The page reads; with --allow-requests it also asks instances, and logs who asked.",
		Example: "  leasehold serve --store redis://localhost:6379\n" +
			"  leasehold serve --listen :8443 --tls-cert page.pem --tls-key page.key --token-file secret --allow-requests",
		Args: atMost(0),
		RunE: func(c *cobra.Command, _ []string) (err error) {
			if tokenFile != "" {
				text, err := os.ReadFile(tokenFile)
				if err != nil {
					return usagef("--token-file: %w", err)
				}
				if cfg.Token = string(bytes.TrimSpace(text)); cfg.Token == "" {
					return usagef("--token-file: %s is empty", tokenFile)
				}
			}
			if cfg.TLS, err = certificates(cert, key, clientCA); err != nil {
				return err
			}
			cfg.Logger = slog.New(slog.NewTextHandler(p.errOut, nil))
			err = p.briefly(c.Context(), func(ctx context.Context, st store.Store) error {
				target, err := p.target()
				if err != nil {
					return err
				}
				cfg.Store, cfg.StoreName = st, target.String()
				served, err := page.New(cfg)
				if err != nil {
					return usageError{err}
				}
				l, err := served.Listen(ctx)
				if err != nil {
					return err
				}
				fmt.Fprintf(p.errOut, "the page is at %s\n", served.URL(l))
				return served.Serve(ctx, l)
			})
			if c.Context().Err() != nil && errors.Is(err, context.Canceled) { // the user has ended it
				return nil
			}
			return err
		},
	}
	flags := c.Flags()
	flags.StringVar(&cfg.Listen, "listen", "127.0.0.1:8080", "address to listen on")
	flags.StringVar(&cfg.Prefix, "prefix", "", "only keys that begin with it")
	flags.StringVar(&cfg.BasePath, "base-path", "", "path below which browsers see the page, such as /leasehold")
	flags.StringSliceVar(&cfg.Hosts, "host", nil, "a further name by which browsers reach the page")
	flags.BoolVar(&cfg.Requests, "allow-requests", false, "let users ask instances for states and events")
	flags.StringVar(&tokenFile, "token-file", "", "file with the secret that users of the page have to know")
	flags.StringVar(&cert, "tls-cert", "", "file with the server's certificate in PEM, for HTTPS")
	flags.StringVar(&key, "tls-key", "", "file with its key")
	flags.StringVar(&clientCA, "client-ca", "", "file with the authorities whose clients may connect")
	return c
}

// certificates is the configuration of HTTPS; nil without a certificate.
func certificates(cert, key, clientCA string) (*tls.Config, error) {
	switch {
	case (cert == "") != (key == ""):
		return nil, usagef("give --tls-cert and --tls-key together")
	case cert == "" && clientCA != "":
		return nil, usagef("--client-ca needs --tls-cert and --tls-key")
	case cert == "":
		return nil, nil
	}
	pair, err := tls.LoadX509KeyPair(cert, key)
	if err != nil {
		return nil, usagef("--tls-cert and --tls-key cannot be used: %w", err)
	}
	c := &tls.Config{MinVersion: tls.VersionTLS12, Certificates: []tls.Certificate{pair}}
	if clientCA != "" {
		pem, err := os.ReadFile(clientCA)
		if err != nil {
			return nil, usagef("--client-ca: %w", err)
		}
		c.ClientCAs, c.ClientAuth = x509.NewCertPool(), tls.RequireAndVerifyClientCert
		if !c.ClientCAs.AppendCertsFromPEM(pem) {
			return nil, usagef("--client-ca: %s has no certificate in PEM", clientCA)
		}
	}
	return c, nil
}
