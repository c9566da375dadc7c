package sandbox

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"

	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"
)

// migrations/1.sql makes a file of version 1 of an empty one, and so on.
//
//go:embed migrations
var migrations embed.FS

// version is how many migrations there are, and what a file that has seen them all says of itself.
const version = 1

// fileReaders is how many requests read from a file at a time, while a write waits for the disk.
const fileReaders = 4

// store keeps people and their items in SQLite, each item as one JSON document. Writes stand in line for a single
// connection: SQLite takes one at a time, and lets others try again by chance until they give up.
type store struct{ reads, writes *sql.DB }

// key names one item.
type key struct{ person, facet, id string }

func openStore(ctx context.Context, file string) (*store, error) {
	if file == "" {
		db, err := openDatabase(":memory:", 1) // another connection would be another, empty database
		if err != nil {
			return nil, err
		}
		return (&store{db, db}).migrated(ctx)
	}
	name, err := databaseURI(file)
	if err != nil {
		return nil, err
	}
	writes, err := openDatabase(name, 1)
	if err != nil {
		return nil, err
	}
	reads, err := openDatabase(name, fileReaders)
	if err != nil {
		return nil, errors.Join(err, writes.Close())
	}
	return (&store{reads, writes}).migrated(ctx)
}

func openDatabase(name string, connections int) (*sql.DB, error) {
	pragmas := []string{
		"busy_timeout(5000)", // milliseconds; only another process on the same file keeps a writer waiting
		"journal_mode(WAL)",
		// With a write-ahead log, this loses nothing when the process dies, only when the machine does
		// (sqlite.org/pragma.html#pragma_synchronous).
		"synchronous(NORMAL)",
		"cache_size(-256)", // KiB for each connection, instead of 2,000
	}
	// Immediate, because a transaction that begins by reading is refused the write when another one was faster.
	db, err := sql.Open("sqlite", name+"?_txlock=immediate&_pragma="+strings.Join(pragmas, "&_pragma="))
	if err != nil {
		return nil, err
	}
	db.SetMaxOpenConns(connections)
	db.SetMaxIdleConns(connections)
	return db, nil
}

func (s *store) migrated(ctx context.Context) (*store, error) {
	if err := s.inTransaction(ctx, func(tx *sql.Tx) error { return migrate(ctx, tx) }); err != nil {
		return nil, errors.Join(err, s.close())
	}
	return s, nil
}

func (s *store) close() error { return errors.Join(s.reads.Close(), s.writes.Close()) }

// isBusy tells whether another process has kept the file for too long.
func isBusy(err error) bool {
	var e *sqlite.Error
	return errors.As(err, &e) && e.Code()&0xff == sqlite3.SQLITE_BUSY
}

// databaseURI makes sure that the file is there and nobody else's to read. SQLite gives the files that it puts beside
// it the same mode (sqlite.org/src, findCreateFileMode).
func databaseURI(file string) (string, error) {
	absolute, err := filepath.Abs(file)
	if err != nil {
		return "", err
	}
	f, err := os.OpenFile(absolute, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return "", err
	}
	if err := errors.Join(f.Chmod(0o600), f.Close()); err != nil {
		return "", err
	}
	path := filepath.ToSlash(absolute)
	if !strings.HasPrefix(path, "/") {
		path = "/" + path // C:/…
	}
	return (&url.URL{Scheme: "file", Path: path}).String(), nil
}

// migrate brings a database up to the present version.
func migrate(ctx context.Context, tx *sql.Tx) error {
	var from int
	if err := tx.QueryRowContext(ctx, "PRAGMA user_version").Scan(&from); err != nil {
		return err
	}
	if from > version {
		return fmt.Errorf("the data is of version %d, written by a newer ProfileQL; this one knows versions up to %d", from, version)
	}
	if from == version {
		return nil
	}
	for v := from + 1; v <= version; v++ {
		script, err := migrations.ReadFile(fmt.Sprintf("migrations/%d.sql", v))
		if err != nil {
			return err
		}
		if _, err := tx.ExecContext(ctx, string(script)); err != nil {
			return fmt.Errorf("migrate to version %d: %w", v, err)
		}
	}
	_, err := tx.ExecContext(ctx, fmt.Sprintf("PRAGMA user_version = %d", version))
	return err
}

func (s *store) inTransaction(ctx context.Context, do func(*sql.Tx) error) error {
	tx, err := s.writes.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	if err := do(tx); err != nil {
		return errors.Join(err, tx.Rollback())
	}
	return tx.Commit()
}

func (s *store) people(ctx context.Context) ([]Person, error) {
	rows, err := s.reads.QueryContext(ctx, "SELECT id, userPrincipalName, displayName FROM person ORDER BY position")
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }()
	var people []Person
	for rows.Next() {
		var p Person
		if err := rows.Scan(&p.ID, &p.UserPrincipalName, &p.DisplayName); err != nil {
			return nil, err
		}
		people = append(people, p)
	}
	return people, rows.Err()
}

// document is an item as it is stored.
type document struct {
	id   string
	text []byte
}

// documents returns all items of a person's facet, in no order that anybody should rely on.
func (s *store) documents(ctx context.Context, person, facet string) ([]document, error) {
	rows, err := s.reads.QueryContext(ctx, "SELECT id, doc FROM item WHERE person = ? AND facet = ?", person, facet)
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }()
	var docs []document
	for rows.Next() {
		var doc document
		if err := rows.Scan(&doc.id, &doc.text); err != nil {
			return nil, err
		}
		docs = append(docs, doc)
	}
	return docs, rows.Err()
}

// querier is what a database and a transaction have in common.
type querier interface {
	QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
}

// document returns one item. Of one that does not exist, it says so in the API's words.
func (s *store) document(ctx context.Context, k key) ([]byte, error) {
	return readDocument(ctx, s.reads, k)
}

func readDocument(ctx context.Context, q querier, k key) (doc []byte, err error) {
	row := q.QueryRowContext(ctx, "SELECT doc FROM item WHERE person = ? AND facet = ? AND id = ?", k.person, k.facet, k.id)
	if err = row.Scan(&doc); errors.Is(err, sql.ErrNoRows) {
		err = noItem()
	}
	return doc, err
}

func (s *store) insert(ctx context.Context, k key, doc []byte) error {
	return s.inTransaction(ctx, func(tx *sql.Tx) error { return insertDocument(ctx, tx, k, doc) })
}

func insertDocument(ctx context.Context, tx *sql.Tx, k key, doc []byte) error {
	_, err := tx.ExecContext(ctx, "INSERT INTO item (person, facet, id, doc) VALUES (?, ?, ?, ?)",
		k.person, k.facet, k.id, string(doc))
	return err
}

// update replaces a document by what change makes of it. Nobody else writes in between, so nothing is lost when
// several change different properties of one item at a time.
func (s *store) update(ctx context.Context, k key, change func(doc []byte) ([]byte, error)) error {
	return s.inTransaction(ctx, func(tx *sql.Tx) error {
		doc, err := readDocument(ctx, tx, k)
		if err != nil {
			return err
		}
		if doc, err = change(doc); err != nil {
			return err
		}
		_, err = tx.ExecContext(ctx, "UPDATE item SET doc = ? WHERE person = ? AND facet = ? AND id = ?",
			string(doc), k.person, k.facet, k.id)
		return err
	})
}

// delete removes a document unless check objects.
func (s *store) delete(ctx context.Context, k key, check func(doc []byte) error) error {
	return s.inTransaction(ctx, func(tx *sql.Tx) error {
		doc, err := readDocument(ctx, tx, k)
		if err != nil {
			return err
		}
		if err := check(doc); err != nil {
			return err
		}
		_, err = tx.ExecContext(ctx, "DELETE FROM item WHERE person = ? AND facet = ? AND id = ?", k.person, k.facet, k.id)
		return err
	})
}
