// A worker of one integration: it finds the integration's NATS server and follows every move.
//
//	DATABASE_URL=postgresql://… worker [--linger SECONDS] TENANT INTEGRATION
//
// Copy this file into your service and put the service's own work into handle. It needs a database
// role that may read the view integration_servers. If the tenant lists keys, NATS_NKEY_SEED_FILE
// names the file with the worker's seed. If it has TLS, NATS_CA_FILE names the file with the
// authority's certificate.
//
// watch asks the database where the integration is. The worker follows it: it joins the new server
// first, stays at the old one for the linger time, in which it still hears late publishers, and then
// leaves. While the database is down, the worker stays where it is.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"os/signal"
	"sync"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/nats-io/nats.go"
)

const (
	defaultLinger = 5.0              // seconds; less than drain (30), for which the old server outlives a move
	lookAgain     = 10 * time.Second // finds moves whose notification was lost with a connection
	patience      = 5 * time.Second  // the timeout for one answer of the database or a server
	firstWait     = 500 * time.Millisecond
	longestWait   = 10 * time.Second // the most between attempts to connect

	where = "SELECT url FROM integration_servers WHERE tenant_id = $1 AND integration_id = $2"
)

// handle does the service's work for a message. The messages of one subscription arrive one after
// another; the two subscriptions run concurrently.
func handle(message *nats.Msg) {
	say("message", facts{"subject": message.Subject, "data": string(message.Data)})
}

// backoff returns how long to wait: at random, so that all workers do not come back at once.
func backoff(failures int) time.Duration {
	return rand.N(min(firstWait<<min(failures, 9), longestWait))
}

type facts map[string]any

var stdout sync.Mutex

// say prints an event and its time on stdout.
func say(event string, more facts) {
	line := facts{"event": event, "time": float64(time.Now().UnixMicro()) / 1e6}
	for name, value := range more {
		line[name] = value
	}
	stdout.Lock()
	defer stdout.Unlock()
	_ = json.NewEncoder(os.Stdout).Encode(line)
}

// A worker has one stay at the integration's server, and ends its stays at all others. Only the
// goroutine of run changes it; the others send it functions through do.
type worker struct {
	name     string
	subjects []string
	linger   time.Duration
	do       chan func()
	wanted   string
	stays    map[string]*stay
	failure  error
}

// A stay is the worker's time at one server, from joining it until it has left.
type stay struct {
	url     string
	conn    *nats.Conn
	joined  bool
	leaving bool
	linger  *time.Timer
}

func newWorker(tenant, integration string, linger time.Duration) *worker {
	return &worker{
		name:     fmt.Sprintf("worker-%s-%s", tenant, integration),
		subjects: []string{tenant + ".webhook.*", tenant + ".convert.*"},
		linger:   linger,
		do:       make(chan func()),
		stays:    map[string]*stay{},
	}
}

// run works until the context ends, then handles received messages and returns.
func (w *worker) run(ctx context.Context, found <-chan string) error {
	for w.failure == nil {
		select {
		case url := <-found:
			w.goTo(url)
		case change := <-w.do:
			change()
		case <-ctx.Done():
			w.wanted = ""
			for _, s := range w.stays {
				w.leave(s)
			}
			for len(w.stays) > 0 {
				(<-w.do)()
			}
			return w.failure
		}
	}
	return w.failure
}

// goTo moves the worker to this server.
func (w *worker) goTo(url string) {
	if url == w.wanted {
		return
	}
	w.wanted = url
	w.settle()
	if s := w.stays[url]; s != nil && s.joined { // back before its linger time was over
		say("joined", facts{"url": url})
	}
}

// settle begins, keeps and ends stays to match wanted. It is called after every change.
func (w *worker) settle() {
	if w.wanted == "" {
		return
	}
	if w.stays[w.wanted] == nil {
		w.join(w.wanted)
	}
	there := w.stays[w.wanted]
	if there == nil {
		return // join failed, and has set w.failure
	}
	if there.linger != nil {
		there.linger.Stop()
		there.linger = nil
	}
	for _, s := range w.stays {
		switch {
		case s == there || s.leaving || s.linger != nil:
		case !s.joined:
			w.leave(s)
		case there.joined:
			var timer *time.Timer
			timer = time.AfterFunc(w.linger, func() {
				w.do <- func() {
					if s.linger == timer { // still this timer: not cancelled, nor cancelled and started again
						w.leave(s)
					}
				}
			})
			s.linger = timer
		}
	}
}

// join begins a stay.
func (w *worker) join(url string) {
	s := &stay{url: url}
	identity, err := identity()
	if err != nil {
		w.failure = err
		return
	}
	conn, err := nats.Connect(url, append(identity,
		nats.Name(w.name),
		nats.RetryOnFailedConnect(true),
		nats.IgnoreAuthErrorAbort(),
		nats.MaxReconnects(-1),
		nats.CustomReconnectDelay(func(attempt int) time.Duration { return backoff(attempt - 1) }),
		nats.PingInterval(10*time.Second), // detects a silently dead server within half a minute
		nats.DrainTimeout(20*time.Second),
		nats.ErrorHandler(func(_ *nats.Conn, _ *nats.Subscription, err error) { w.complain(url, err) }),
		nats.ReconnectErrHandler(func(_ *nats.Conn, err error) { w.complain(url, err) }),
		nats.DisconnectErrHandler(func(_ *nats.Conn, err error) {
			if err != nil {
				say("disconnected", facts{"url": url})
			}
		}),
		nats.ReconnectHandler(func(conn *nats.Conn) {
			if conn.FlushTimeout(patience) == nil {
				say("reconnected", facts{"url": url}) // with its subscriptions
			}
		}),
		nats.ClosedHandler(func(conn *nats.Conn) { w.do <- func() { w.closed(s, conn.LastError()) } }),
	)...)
	if err != nil {
		w.failure = err
		return
	}
	s.conn = conn
	w.stays[url] = s
	for _, subject := range w.subjects {
		if _, err := conn.Subscribe(subject, handle); err != nil {
			w.failure = err
			return
		}
	}
	go func() {
		// The answer to a flush proves that the server has the subscriptions.
		for conn.FlushTimeout(patience) != nil {
			if conn.IsClosed() {
				return
			}
		}
		w.do <- func() {
			if !s.leaving {
				s.joined = true
				say("joined", facts{"url": url})
				w.settle()
			}
		}
	}()
}

// identity returns the options by which the worker proves who it is, and says whom it trusts.
func identity() (options []nats.Option, err error) {
	if file := os.Getenv("NATS_NKEY_SEED_FILE"); file != "" {
		option, err := nats.NkeyOptionFromSeed(file)
		if err != nil {
			return nil, err
		}
		options = append(options, option)
	}
	if file := os.Getenv("NATS_CA_FILE"); file != "" {
		options = append(options, nats.RootCAs(file))
	}
	return options, nil
}

// leave ends a stay: Drain handles received messages, Close would drop them.
func (w *worker) leave(s *stay) {
	if s.leaving {
		return
	}
	s.joined, s.leaving = false, true
	say("leaving", facts{"url": s.url})
	_ = s.conn.Drain() // if the server is down, this closes the connection
}

// closed handles a closed connection: the end of a stay, or, if unexpected, of the worker.
func (w *worker) closed(s *stay, err error) {
	if !s.leaving {
		w.failure = fmt.Errorf("%s ended the connection permanently: %v", s.url, err)
		return
	}
	say("left", facts{"url": s.url})
	delete(w.stays, s.url)
	w.settle()
}

func (w *worker) complain(url string, err error) {
	say("error", facts{"url": url, "error": err.Error()})
}

// watch sends the URL of the integration's server to found, now and after each move.
func watch(ctx context.Context, config *pgx.ConnConfig, tenant, integration string, found chan<- string) {
	failures := 0
	for {
		err := look(ctx, config, tenant, integration, func(url string) {
			failures = 0
			if url != "" {
				select {
				case found <- url:
				case <-ctx.Done():
				}
			}
		})
		if ctx.Err() != nil {
			return
		}
		// The error's text may contain parts of the connection string; its type and code do not.
		var code any
		if answer := (*pgconn.PgError)(nil); errors.As(err, &answer) {
			code = answer.Code
		}
		wait := backoff(failures)
		failures++
		say("database-lost", facts{"error": fmt.Sprintf("%T", err), "code": code, "wait": wait.Seconds()})
		select {
		case <-time.After(wait):
		case <-ctx.Done():
			return
		}
	}
}

// look watches through one database connection, until that is lost.
func look(ctx context.Context, config *pgx.ConnConfig, tenant, integration string, found func(string)) error {
	database, err := pgx.ConnectConfig(ctx, config)
	if err != nil {
		return err
	}
	defer database.Close(context.WithoutCancel(ctx))
	// Before the query, so that no move in between is missed.
	if _, err := database.Exec(ctx, "LISTEN integration_moved"); err != nil {
		return err
	}
	said := any("")
	for {
		url, err := lookUp(ctx, database, tenant, integration)
		if err != nil {
			return err
		}
		var now any // null: the integration has no server (yet)
		if url != "" {
			now = url
		}
		if now != said {
			say("found", facts{"url": now})
			said = now
		}
		found(url)
		if err := moved(ctx, database, tenant, integration); err != nil {
			return err
		}
	}
}

func lookUp(ctx context.Context, database *pgx.Conn, tenant, integration string) (url string, err error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	err = database.QueryRow(ctx, where, tenant, integration).Scan(&url)
	if errors.Is(err, pgx.ErrNoRows) {
		return "", nil
	}
	return url, err
}

// moved waits for a notification about this integration, or for lookAgain to pass.
func moved(ctx context.Context, database *pgx.Conn, tenant, integration string) error {
	waiting, cancel := context.WithTimeout(ctx, lookAgain)
	defer cancel()
	for {
		notification, err := database.WaitForNotification(waiting)
		if waiting.Err() != nil {
			return ctx.Err()
		}
		if err != nil || concerns(notification.Payload, tenant, integration) {
			return err
		}
	}
}

// concerns reports whether a notification is about this integration.
func concerns(payload, tenant, integration string) bool {
	var told struct {
		Tenant      string          `json:"tenant_id"`
		Integration json.RawMessage `json:"integration_id"` // a number or, in other schemas, a text
	}
	if json.Unmarshal([]byte(payload), &told) != nil {
		return true // an unexpected payload; one more query costs little
	}
	id := string(told.Integration)
	return told.Tenant == tenant && (id == integration || id == `"`+integration+`"`)
}

func main() {
	linger := flag.Float64("linger", defaultLinger, "`seconds` to stay at the old server after a move")
	flag.Usage = func() {
		fmt.Fprintln(flag.CommandLine.Output(), "usage: worker [--linger SECONDS] TENANT INTEGRATION")
		flag.PrintDefaults()
	}
	flag.Parse()
	if flag.NArg() != 2 {
		flag.Usage()
		os.Exit(2)
	}
	config, err := pgx.ParseConfig(os.Getenv("DATABASE_URL"))
	if err != nil || os.Getenv("DATABASE_URL") == "" {
		fmt.Fprintln(os.Stderr, "DATABASE_URL is missing or is not a Postgres connection string.")
		os.Exit(1)
	}
	config.ConnectTimeout = patience

	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	tenant, integration := flag.Arg(0), flag.Arg(1)
	found := make(chan string)
	go watch(ctx, config, tenant, integration, found)
	err = newWorker(tenant, integration, time.Duration(*linger*float64(time.Second))).run(ctx, found)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1) // Kubernetes restarts it
	}
}
