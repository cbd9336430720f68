// Command matrix runs the conformance suite of stores, the tests of the registry and the
// example's life on any Redis, Valkey or etcd server, through each way of connecting to it
// that changes the client's behaviour, and prints a table of the results.
//
//	go run ./e2e/cmd/matrix                                  # servers in PATH, and the etcd of this module
//	go run ./e2e/cmd/matrix -redis ~/valkey/src/valkey-server -redis redis-server
//	go run ./e2e/cmd/matrix -etcd /usr/bin/etcd -only etcd,etcd-tls
//
// A server is the name or path of its program, which the command starts itself, on free
// ports of the loopback interface and with files in a temporary directory. Servers can also
// be named in the environment variables MATRIX_REDIS and MATRIX_ETCD, separated as in PATH.
// The etcd "built-in" is the one that this module embeds.
//
// Each cell of the table is a server and a connection, tested by a process of its own. The
// exit code is 1 if a cell fails or has no result within its limit.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/leasehold-go/leasehold/e2e/backends"
)

const (
	tests    = "github.com/leasehold-go/leasehold/e2e/conformance"
	builtIn  = "built-in"
	redisEnv = "MATRIX_REDIS"
	etcdEnv  = "MATRIX_ETCD"
)

// settings are the flags.
type settings struct {
	redis, etcd list
	only        string
	run         string
	programmes  int
	parallel    int
	limit       time.Duration
	markdown    bool
}

// list is a flag that can be given several times.
type list []string

func (l *list) String() string     { return strings.Join(*l, ",") }
func (l *list) Set(s string) error { *l = append(*l, s); return nil }

func main() {
	var s settings
	flag.Var(&s.redis, "redis", "program of a Redis or Valkey server; can be repeated")
	flag.Var(&s.etcd, "etcd", `program of an etcd, or "built-in"; can be repeated`)
	flag.StringVar(&s.only, "only", "", "connections to test, with commas between; all if empty")
	flag.StringVar(&s.run, "run", "^(TestStore|TestRegistry|TestExample)$", "tests of package e2e/conformance to run, as for go test")
	flag.IntVar(&s.programmes, "programmes", 0, "random programmes of the model test in each cell; 40 if zero")
	flag.IntVar(&s.parallel, "parallel", 4, "cells to test at the same time; most of the time they wait")
	flag.DurationVar(&s.limit, "limit", 15*time.Minute, "time for a cell")
	flag.BoolVar(&s.markdown, "markdown", false, "print the table as Markdown")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	failed, err := s.do(ctx, flag.Args())
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "matrix:", err)
	}
	if failed || err != nil {
		os.Exit(1)
	}
}

// do tests all cells and prints the table. It reports whether a cell failed.
func (s *settings) do(ctx context.Context, args []string) (failed bool, err error) {
	if len(args) > 0 {
		return false, fmt.Errorf("unexpected argument %q: servers are given with -redis and -etcd", args[0])
	}
	if s.parallel < 1 || s.limit <= 0 {
		return false, errors.New("-parallel and -limit must be greater than zero")
	}
	rows, err := s.rows()
	if err != nil {
		return false, err
	}
	servers := s.servers()
	if len(servers) == 0 {
		return false, errors.New("no server: name the program of one with -redis or -etcd")
	}
	dir, err := os.MkdirTemp("", "matrix")
	if err != nil {
		return false, err
	}
	defer os.RemoveAll(dir)
	b, err := build(ctx, dir, s.run)
	if err != nil {
		return false, err
	}
	var t table
	var all sync.WaitGroup
	turns := make(chan struct{}, s.parallel)
	for _, row := range rows {
		for _, server := range servers {
			if server.kind == row.Servers {
				c := t.add(row, server)
				all.Go(func() {
					turns <- struct{}{}
					defer func() { <-turns }()
					c.result = b.test(ctx, s, row, server)
					fmt.Fprintf(os.Stderr, "%s, %s: %s\n", server.name, row.Name, c.result)
				})
			}
		}
	}
	all.Wait()
	t.print(os.Stdout, s.markdown)
	return t.failed(), ctx.Err()
}

// rows returns the connections to test: all but memory, which has no server.
func (s *settings) rows() ([]backends.Row, error) {
	rows := slices.DeleteFunc(backends.Rows(), func(r backends.Row) bool { return r.Servers == "" })
	slices.SortStableFunc(rows, func(a, b backends.Row) int { return -strings.Compare(a.Servers, b.Servers) })
	if s.only == "" {
		return rows, nil
	}
	var names []string
	for _, r := range rows {
		names = append(names, r.Name)
	}
	only := strings.Split(s.only, ",")
	for _, name := range only {
		if !slices.Contains(names, name) {
			return nil, fmt.Errorf("-only: there is no %q; there are %s", name, strings.Join(names, ", "))
		}
	}
	return slices.DeleteFunc(rows, func(r backends.Row) bool { return !slices.Contains(only, r.Name) }), nil
}

// server is the program of a server.
type server struct {
	kind    string // "redis" or "etcd"
	program string // empty for the etcd of this module
	name    string // with the version, e.g. "Valkey 9.1.2"
}

// servers returns the servers of the flags, else of the environment, else the programs in PATH
// and the etcd of this module.
func (s *settings) servers() (all []server) {
	redis, etcd := s.redis, s.etcd
	if len(redis)+len(etcd) == 0 {
		redis, etcd = filepath.SplitList(os.Getenv(redisEnv)), filepath.SplitList(os.Getenv(etcdEnv))
	}
	if len(redis)+len(etcd) == 0 {
		redis, etcd = inPath("redis-server", "valkey-server"), append(inPath("etcd"), builtIn)
	}
	for _, program := range redis {
		all = append(all, server{"redis", program, version(program)})
	}
	for _, program := range etcd {
		if program == builtIn {
			all = append(all, server{"etcd", "", "etcd (built-in)"})
			continue
		}
		all = append(all, server{"etcd", program, version(program)})
	}
	return all
}

func inPath(names ...string) []string {
	return slices.DeleteFunc(names, func(name string) bool {
		_, err := exec.LookPath(name)
		return err != nil
	})
}

// version asks a program for its name and version. One that does not answer has its file's
// name; its cells then fail with the reason.
func version(program string) string {
	text, _ := exec.Command(program, "--version").Output()
	line, _, _ := strings.Cut(string(text), "\n")
	words := strings.Fields(line)
	for i, word := range words {
		if v, found := strings.CutPrefix(word, "v="); found { // Redis server v=7.0.15 sha=...
			return words[0] + " " + v
		}
		if word == "Version:" && i+1 < len(words) { // etcd Version: 3.4.23
			return words[0] + " " + words[i+1]
		}
	}
	return filepath.Base(program)
}
