// A worker of one integration: it finds the integration's NATS server and follows it to the next.
//
//	DATABASE_URL=postgresql://… worker [--linger SECONDS] TENANT INTEGRATION
//
// Copy this file into your service and put the service's own work into handle. It needs a database
// role that may read the view integration_servers. Where the tenant lists keys or has TLS,
// NATS_NKEY_SEED_FILE names the file with the worker's seed, and NATS_CA_FILE that with the
// authority's certificate.
//
// watch asks the database where the integration is. A worker goes there: it joins the new server
// first, stays at the old one for the linger time, in which it hears publishers that come late, and
// then leaves. While the database is away, the worker serves where it is.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
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
	defaultLinger = 5.0              // seconds; less than the 30 after a move in which the old server is sure to be there
	lookAgain     = 10 * time.Second // for moves whose notification was lost with a database connection
	patience      = 5 * time.Second  // for one answer of the database or of a server
	firstWait     = 500 * time.Millisecond
	longestWait   = 10 * time.Second

	where = "SELECT url FROM integration_servers WHERE tenant_id = $1 AND integration_id = $2"
)

// handle is what the service does with a message. The messages of one subscription come one after
// another, the two subscriptions run side by side.
func handle(message *nats.Msg) {
	say("message", facts{"subject": message.Subject, "data": string(message.Data)})
}

type facts map[string]any

var stdout sync.Mutex

// say tells on stdout what happened, and when.
func say(event string, more facts) {
	line := facts{"event": event, "time": float64(time.Now().UnixMicro()) / 1e6}
	for name, value := range more {
		line[name] = value
	}
	stdout.Lock()
	defer stdout.Unlock()
	_ = json.NewEncoder(os.Stdout).Encode(line)
}

// A worker has one stay at the server where the integration is, and at others only until they end.
// One goroutine, that of run, does whatever changes it; the others hand it a function through do.
type worker struct {
	name     string
	subjects []string
	linger   time.Duration
	do       chan func()
	wanted   string
	stays    map[string]*stay
	failure  error
}

// A stay is the worker's time at one server, from joining it to having left it.
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

// run works until the context ends, handles what was received, and returns.
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

// goTo makes this the server to be at from now on.
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

// settle begins, keeps and ends stays as is wanted now. It is called whenever something has changed.
func (w *worker) settle() {
	if w.wanted == "" {
		return
	}
	if w.stays[w.wanted] == nil {
		w.join(w.wanted)
	}
	there := w.stays[w.wanted]
	if there == nil {
		return // the connection could not even be begun: a failure
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
					if s.linger == timer { // and not called back, nor sent off anew
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
		nats.ReconnectWait(2*time.Second),
		nats.PingInterval(10*time.Second), // a server that vanishes without a word is given up in half a minute
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
		// The answer to a flush says that the server has the subscriptions.
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

// identity is how the worker shows who it is, and whom it trusts.
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

// leave ends a stay: Drain handles what was received, Close would drop it.
func (w *worker) leave(s *stay) {
	if s.leaving {
		return
	}
	s.joined, s.leaving = false, true
	say("leaving", facts{"url": s.url})
	_ = s.conn.Drain() // where the server is down, this closes the connection
}

// closed is the end of a stay, and of the worker where nobody wanted it.
func (w *worker) closed(s *stay, err error) {
	if !s.leaving {
		w.failure = fmt.Errorf("%s has ended the connection for good: %v", s.url, err)
		return
	}
	say("left", facts{"url": s.url})
	delete(w.stays, s.url)
	w.settle()
}

func (w *worker) complain(url string, err error) {
	say("error", facts{"url": url, "error": err.Error()})
}

// watch tells where the integration is, now and after each move.
func watch(ctx context.Context, config *pgx.ConnConfig, tenant, integration string, found chan<- string) {
	wait := firstWait
	for {
		err := look(ctx, config, tenant, integration, func(url string) {
			wait = firstWait
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
		// The text of an error may repeat parts of the connection string; its type and code do not.
		var code any
		if answer := (*pgconn.PgError)(nil); errors.As(err, &answer) {
			code = answer.Code
		}
		say("database-lost", facts{"error": fmt.Sprintf("%T", err), "code": code, "wait": wait.Seconds()})
		select {
		case <-time.After(wait):
		case <-ctx.Done():
			return
		}
		wait = min(2*wait, longestWait)
	}
}

// look watches over one database connection, until it is lost.
func look(ctx context.Context, config *pgx.ConnConfig, tenant, integration string, found func(string)) error {
	database, err := pgx.ConnectConfig(ctx, config)
	if err != nil {
		return err
	}
	defer database.Close(context.WithoutCancel(ctx))
	// First, so that no move is missed between the two.
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

// moved waits for a notification about this integration, or until it is time to look anyway.
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

// concerns says whether a notification is about this integration.
func concerns(payload, tenant, integration string) bool {
	var told struct {
		Tenant      string          `json:"tenant_id"`
		Integration json.RawMessage `json:"integration_id"` // a number or, in other schemas, a text
	}
	if json.Unmarshal([]byte(payload), &told) != nil {
		return true // not what was agreed; to look once more costs little
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
		fmt.Fprintln(os.Stderr, "DATABASE_URL is missing, or no connection string of Postgres.")
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
		os.Exit(1) // to be started again
	}
}
