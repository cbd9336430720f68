package etcdstore

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	clientv3 "go.etcd.io/etcd/client/v3"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/peer"

	"github.com/leasehold-go/leasehold/store"
	"github.com/leasehold-go/leasehold/store/internal/checkup"
)

// memberLimit is how long Check waits for a member.
const memberLimit = 3 * time.Second

// manyRevisions is how many revisions a cluster has without a compaction before Check warns.
const manyRevisions = 100_000

var errNoMember = errors.New("no member answers")

// Check looks at the members of the cluster that client is connected to, and at the rights of its
// user: all that [New] demands, members, alarms, the size of the database, compaction, clocks,
// latency, and each right of docs/operations.md. It goes on where New stops, and a check that cannot
// be made is of [store.LevelUnknown].
//
// Check writes as New does: a record and its note under "leasehold:", on an etcd lease that it
// revokes. A right is tried by a transaction that changes nothing. Check takes about three seconds,
// and forty at most. If no member answers, it fails with a *[ServerError], and with
// *[store.InvalidError] as New does.
func Check(ctx context.Context, client *clientv3.Client, usage store.Usage) ([]store.Finding, error) {
	if err := usage.Check(); err != nil {
		return nil, err
	}
	s, err := newStore(client)
	if err != nil {
		return nil, err
	}
	defer s.Close()
	ctx, cancel := context.WithTimeout(clientv3.WithRequireLeader(ctx), checkTimeout)
	defer cancel()
	ctx, giveUp := context.WithCancelCause(ctx)
	defer giveUp(nil)
	var members []memberAnswer
	var trial, rights []store.Finding
	var refused error
	var all sync.WaitGroup
	all.Go(func() { trial, refused = s.trial(ctx, usage) })
	answered := func() bool {
		return slices.ContainsFunc(members, func(m memberAnswer) bool { return m.status != nil })
	}
	all.Go(func() {
		if members = s.askMembers(ctx); !answered() {
			giveUp(errNoMember) // the rest would wait in vain
		}
	})
	all.Go(func() { rights = s.rights(ctx, usage.Prefix) })
	all.Wait()
	if !answered() {
		if refused == nil || errors.Is(refused, errNoMember) {
			refused = s.unable("connect", members[0].err)
		}
		return nil, refused
	}
	findings := slices.Concat(memberFindings(members, usage.TTL), s.clusterFindings(ctx, members), rights, trial)
	slices.SortStableFunc(findings, func(a, b store.Finding) int { return cmp.Compare(a.Server, b.Server) })
	return findings, nil
}

// trial tries the verbs as New does, and then measures round trips. Its error is that of New.
func (s *Store) trial(ctx context.Context, usage store.Usage) (findings []store.Finding, err error) {
	name := store.Reserved + "probe:" + store.NewNonce().String()
	call := "write"
	var times []time.Duration
	err = s.check(ctx, options{after: func(ctx context.Context, lease clientv3.LeaseID) {
		times, _ = checkup.Sample(ctx, func() error {
			_, err := s.client.Put(ctx, name, "1", clientv3.WithLease(lease))
			return err
		})
	}})
	f := store.Finding{Check: "trial", Level: store.LevelOK, Seen: "create, update, keep-alive, watch and delete work"}
	switch {
	case isDenied(err):
		f.Level, f.Seen, f.Advice = store.LevelWarn, err.Error(), "New refuses this user, unless it is called WithoutTrial: the findings on rights have the rights that are missing"
	case err != nil:
		f.Level, f.Seen, f.Advice = store.LevelUnsafe, err.Error(), "New refuses the servers for this"
	}
	findings = append(findings, f)
	if len(times) == 0 {
		call = "read, as no write was possible"
		times, _ = checkup.Sample(ctx, func() error {
			_, err := s.client.Get(ctx, name, clientv3.WithCountOnly())
			if isDenied(err) { // a round trip all the same
				return nil
			}
			return err
		})
	}
	if len(times) > 0 {
		findings = append(findings, checkup.Latency("", call, times, usage.TTL))
	}
	if least := time.Duration(s.minTTL.Load()); least > 0 {
		f := store.Finding{Check: "ttl", Level: store.LevelOK, Seen: fmt.Sprintf("the servers grant %v and more", least)}
		if usage.TTL < least {
			f.Level, f.Advice = store.LevelUnsafe, fmt.Sprintf("a TTL of %v is refused: use a longer one, or lower --election-timeout", usage.TTL)
		}
		findings = append(findings, f)
	}
	return findings, err
}

// memberAnswer is the answer of a member, or the reason why there is none.
type memberAnswer struct {
	endpoint string
	id       uint64
	learner  bool
	status   *pb.StatusResponse // nil if the member does not answer
	members  []*pb.Member       // of the cluster; nil if the member does not tell
	err      error
	tls      bool
	local    bool // the member is on this machine
	clock    checkup.Clock
	unread   error // the reason why the clock is not known
}

// askMembers asks each endpoint of the client, and each member that is behind none of them. One that
// hangs holds up no other.
func (s *Store) askMembers(ctx context.Context) []memberAnswer {
	answers := s.askEndpoints(ctx, s.client.Endpoints())
	known := make(map[uint64]bool)
	var unknown []*pb.Member
	for _, a := range answers {
		known[a.id] = a.status != nil
		if len(a.members) > 0 {
			unknown = a.members
		}
	}
	if len(unknown) == 0 {
		return answers
	}
	// An endpoint that does not answer is that of a member, or of none that is left.
	answers = slices.DeleteFunc(answers, func(a memberAnswer) bool { return a.status == nil })
	unknown = slices.DeleteFunc(unknown, func(m *pb.Member) bool { return known[m.ID] })
	others := make([]memberAnswer, len(unknown))
	var all sync.WaitGroup
	for i, m := range unknown {
		all.Go(func() {
			a := memberAnswer{endpoint: m.Name, err: errors.New("it has no address for clients")}
			for _, url := range m.ClientURLs {
				if a = s.askMember(ctx, url); a.status != nil {
					break
				}
			}
			a.id, a.learner = m.ID, m.IsLearner
			others[i] = a
		})
	}
	all.Wait()
	return append(answers, others...)
}

func (s *Store) askEndpoints(ctx context.Context, endpoints []string) []memberAnswer {
	answers := make([]memberAnswer, len(endpoints))
	var all sync.WaitGroup
	for i, endpoint := range endpoints {
		all.Go(func() { answers[i] = s.askMember(ctx, endpoint) })
	}
	all.Wait()
	// Two endpoints can lead to one member.
	slices.SortStableFunc(answers, func(a, b memberAnswer) int { return cmp.Compare(a.id, b.id) })
	return slices.CompactFunc(answers, func(a, b memberAnswer) bool { return a.id == b.id && a.status != nil && b.status != nil })
}

func (s *Store) askMember(ctx context.Context, endpoint string) memberAnswer {
	ctx, cancel := context.WithTimeout(ctx, memberLimit)
	defer cancel()
	a := memberAnswer{endpoint: endpoint}
	conn, err := s.client.Dial(endpoint)
	if err != nil {
		a.err = err
		return a
	}
	defer conn.Close()
	var p peer.Peer
	a.err = connect(ctx, func(ctx context.Context) (err error) {
		a.status, err = pb.NewMaintenanceClient(conn).Status(ctx, &pb.StatusRequest{}, grpc.Peer(&p))
		return err
	})
	if a.err != nil {
		a.status = nil
		return a
	}
	a.id, a.learner = a.status.Header.MemberId, a.status.IsLearner
	if list, err := pb.NewClusterClient(conn).MemberList(ctx, &pb.MemberListRequest{}); err == nil {
		a.members = list.Members
	}
	a.tls = p.AuthInfo != nil && p.AuthInfo.AuthType() == "tls"
	tcp, isTCP := p.Addr.(*net.TCPAddr)
	a.local = !isTCP || tcp.IP.IsLoopback()
	if !isTCP {
		a.unread = errors.New("etcd tells its time in the answers to HTTP alone")
		return a
	}
	a.clock, a.unread = webClock(ctx, endpoint, tcp.String(), p.AuthInfo)
	return a
}

// webClock reads the date of an answer to HTTP, which is cut off to a second. Through TLS it accepts no
// certificate but that of the gRPC connection, which the client has checked.
func webClock(ctx context.Context, endpoint, address string, auth credentials.AuthInfo) (checkup.Clock, error) {
	scheme, transport := "http", &http.Transport{DisableKeepAlives: true}
	if info, secure := auth.(credentials.TLSInfo); secure {
		scheme, transport.TLSClientConfig = "https", &tls.Config{
			ServerName:         info.State.ServerName,
			InsecureSkipVerify: true, // in place of its check the one below
			VerifyConnection: func(now tls.ConnectionState) error {
				if !now.PeerCertificates[0].Equal(info.State.PeerCertificates[0]) {
					return errors.New("it has another certificate for HTTP than for gRPC")
				}
				return nil
			},
		}
	}
	q, err := http.NewRequestWithContext(ctx, http.MethodGet, scheme+"://"+address+"/version", nil)
	if err != nil {
		return checkup.Clock{}, err
	}
	client := &http.Client{Transport: transport}
	sent := time.Now()
	answer, err := client.Do(q)
	received := time.Now()
	if err != nil {
		return checkup.Clock{}, err
	}
	answer.Body.Close()
	now, err := http.ParseTime(answer.Header.Get("Date"))
	return checkup.Read(endpoint, sent, received, now, time.Second), err
}

// memberFindings are the findings about single members, and about their clocks.
func memberFindings(members []memberAnswer, ttl time.Duration) (findings []store.Finding) {
	var clocks []checkup.Clock
	for _, m := range members {
		add := func(check string, level store.Level, seen, advice string) {
			findings = append(findings, store.Finding{Check: check, Server: m.endpoint, Level: level, Seen: seen, Advice: advice})
		}
		if m.status == nil {
			add("connection", store.LevelWarn, named(rpctypes.Error(m.err)).Error(),
				"this machine does not reach the member: see that it runs; the cluster may go on without it")
			continue
		}
		var major, minor int
		_, err := fmt.Sscanf(m.status.Version, "%d.%d", &major, &minor)
		switch seen := "etcd " + m.status.Version; {
		case err != nil:
			add("version", store.LevelUnknown, seen, "see docs/servers.md for the versions that the tests run on")
		case major < 3 || major == 3 && minor < 4:
			add("version", store.LevelUnsafe, seen, "must be 3.4 or later: upgrade")
		default:
			add("version", store.LevelOK, seen, "")
		}
		if m.status.Leader == 0 {
			add("leader", store.LevelUnsafe, "none", "the member takes no writes, and leases end: see that a majority of the members runs")
		}
		used, quota := m.status.DbSize, m.status.DbSizeQuota
		switch {
		case quota <= 0:
			add("database", store.LevelUnknown, fmt.Sprintf("%d bytes; not known of how many, because etcd tells its quota from 3.6 on", used),
				"ask for --quota-backend-bytes, 2 GiB by default: at the quota etcd takes no writes")
		case used*10 > quota*8:
			add("database", store.LevelWarn, fmt.Sprintf("%d of %d bytes", used, quota),
				"at the quota etcd takes no writes, and leases end: compact, defragment with `etcdctl defrag`, or raise --quota-backend-bytes")
		default:
			add("database", store.LevelOK, fmt.Sprintf("%d of %d bytes", used, quota), "")
		}
		switch {
		case m.tls:
			add("tls", store.LevelOK, "TLS", "")
		case m.local:
			add("tls", store.LevelOK, "none, on this machine", "")
		default:
			add("tls", store.LevelWarn, "none", "passwords and values cross the network in the clear: use https:// endpoints if the network is not trusted")
		}
		if m.unread != nil {
			add("clock", store.LevelUnknown, "not known, because "+m.unread.Error(), "ask on its machine whether NTP keeps its clock; leases do not depend on it")
			continue
		}
		clocks = append(clocks, m.clock)
		findings = append(findings, m.clock.Finding())
	}
	if len(clocks) > 1 {
		findings = append(findings, checkup.Apart(clocks, ttl, false))
	}
	return findings
}

// clusterFindings are the findings about all members together.
func (s *Store) clusterFindings(ctx context.Context, members []memberAnswer) []store.Finding {
	ctx, cancel := context.WithTimeout(ctx, memberLimit)
	defer cancel()
	voters, answer, revision := 0, 0, int64(0)
	for _, m := range members {
		if !m.learner {
			voters++
			if m.status != nil {
				answer++
			}
		}
		if m.status != nil {
			revision = max(revision, m.status.Header.Revision)
		}
	}
	number := store.Finding{Check: "members", Level: store.LevelOK, Seen: fmt.Sprintf("%d of %d voting members answer", answer, voters)}
	switch {
	case answer <= voters/2:
		number.Level, number.Advice = store.LevelUnsafe, "without a majority the cluster takes no writes, and leases end: start more members"
	case answer < voters:
		number.Level, number.Advice = store.LevelWarn, "each member that is away brings the cluster nearer to the loss of its majority: start it, or replace it"
	case voters == 1:
		number.Level, number.Advice = store.LevelWarn, "the store is down while this member is, and its disk is the only copy: use three members, on three machines"
	case voters%2 == 0:
		number.Level, number.Advice = store.LevelWarn, fmt.Sprintf("%d members tolerate the loss of no more than %d do: add one", voters, voters-1)
	}

	alarms := store.Finding{Check: "alarms", Level: store.LevelOK, Seen: "none"}
	if list, err := s.client.AlarmList(ctx); err != nil {
		alarms.Level, alarms.Seen, alarms.Advice = store.LevelUnknown, "not known, because the list of alarms failed: "+err.Error(), "ask with `etcdctl alarm list`"
	} else if len(list.Alarms) > 0 {
		var names []string
		for _, a := range list.Alarms {
			names = append(names, fmt.Sprintf("%v of member %x", a.Alarm, a.MemberID))
		}
		alarms.Level, alarms.Seen = store.LevelUnsafe, strings.Join(names, ", ")
		alarms.Advice = "etcd takes no writes, and leases end. After NOSPACE: `etcdctl compact REVISION`, `etcdctl defrag`, `etcdctl alarm disarm`. After CORRUPT: replace the member"
	}

	_, err := s.client.Get(ctx, store.Reserved+"probe:", clientv3.WithRev(1))
	return []store.Finding{number, alarms, compactionFinding(revision, err), {Check: "persistence", Level: store.LevelOK,
		Seen: "a write is on the disks of a majority before its answer; --unsafe-no-fsync, which ends that, cannot be seen from here"}}
}

// compactionFinding is about the compaction of a cluster at a revision. The error is that of a read at
// revision 1.
func compactionFinding(revision int64, err error) store.Finding {
	f := store.Finding{Check: "compaction", Level: store.LevelOK, Seen: fmt.Sprintf("%d revisions, too few to tell", revision)}
	switch {
	case errors.Is(err, rpctypes.ErrCompacted):
		f.Seen = fmt.Sprintf("the first of %d revisions are compacted", revision)
	case revision < manyRevisions:
	case err != nil:
		f.Level, f.Seen = store.LevelUnknown, "not known, because a read failed: "+err.Error()
		f.Advice = "ask for --auto-compaction-retention"
	default:
		f.Level, f.Seen = store.LevelWarn, fmt.Sprintf("none in %d revisions", revision)
		f.Advice = "the database grows to its quota: set --auto-compaction-retention to 1h or less"
	}
	return f
}

// rights tries each right of docs/operations.md: etcd refuses a transaction if its user lacks a
// right to an operation of the branch that is not taken.
func (s *Store) rights(ctx context.Context, prefix string) (findings []store.Finding) {
	ctx, cancel := tryContext(ctx)
	defer cancel()
	all := func(names ...string) []string {
		if prefix != "" {
			names = append(names, prefix)
		}
		return names
	}
	role := s.role(ctx)
	for _, p := range []struct {
		name, loss  string
		read, write []string // prefixes
	}{
		{"read", "records cannot be read or watched", all(store.Reserved), nil},
		{"write", "no lease can be taken or renewed; a program that only reads needs none of it", nil, all(store.Reserved)},
		{"ask", "no instance can be asked for anything", []string{requests, answers}, []string{requests}},
		{"answer", "no requests can be taken", []string{requests, answers}, []string{requests, answers}},
		{"logs", "activity logs stay empty", []string{logs}, []string{logs}},
	} {
		var missing []string
		var failure error
		try := func(name, right string, op clientv3.Op) {
			_, err := s.client.Txn(ctx).Else(op).Commit()
			switch line := right + " " + name; {
			case err == nil || failure != nil:
			case !isDenied(err):
				failure = s.cause(ctx, err)
			case right == "readwrite" && slices.Contains(missing, "read "+name):
				missing[slices.Index(missing, "read "+name)] = line
			default:
				missing = append(missing, line)
			}
		}
		for _, name := range p.read {
			try(name, "read", clientv3.OpGet(name, clientv3.WithPrefix()))
		}
		for _, name := range p.write {
			try(name, "readwrite", clientv3.OpDelete(name, clientv3.WithPrefix()))
		}
		f := store.Finding{Check: "right to " + p.name, Level: store.LevelOK, Seen: "all of them"}
		switch {
		case failure != nil:
			f.Level, f.Seen = store.LevelUnknown, "not known, because a transaction failed: "+failure.Error()
			f.Advice = "ask with `etcdctl role get`, or run the check again"
		case len(missing) > 0:
			var lines []string
			for _, line := range missing {
				lines = append(lines, fmt.Sprintf("etcdctl role grant-permission %s --prefix=true %s", role, line))
			}
			f.Level, f.Seen = store.LevelWarn, "missing: "+strings.Join(missing, ", ")
			f.Advice = p.loss + ": " + strings.Join(lines, "; ")
		case prefix == "" && (p.name == "read" || p.name == "write"):
			f.Seen += ", keys of services not tried, as no prefix of keys was given"
		}
		findings = append(findings, f)
	}
	return findings
}

// role returns a role of the client's user, or "ROLE".
func (s *Store) role(ctx context.Context) string {
	if s.client.Username != "" {
		if user, err := s.client.UserGet(ctx, s.client.Username); err == nil && len(user.Roles) > 0 {
			return user.Roles[0]
		}
	}
	return "ROLE"
}
