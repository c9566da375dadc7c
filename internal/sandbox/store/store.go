// Package store keeps the sandbox's people and their items in SQLite, in memory or in a file. An item is one JSON document
// to it, of which it knows whose it is, in which facet, and by which id; what is in it, and who may see or change it, is
// for others to say.
package store

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"maps"
	"net/url"
	"os"
	"path/filepath"
	"slices"
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

// ErrNotFound is the error of reading or changing an item that is not there.
var ErrNotFound = errors.New("there is no such item")

// Store is an open database. It can be used from several goroutines at a time. Writes stand in line for a single
// connection: SQLite takes one at a time, and lets others try again by chance until they give up.
type Store struct{ reads, writes *sql.DB }

// Person is somebody whose profile the sandbox has.
type Person struct {
	ID                string // a GUID
	UserPrincipalName string
	DisplayName       string
}

// Key names one item: by the id of the person whose it is, the facet of the profile, and its own id.
type Key struct{ Person, Facet, ID string }

// Document is an item as it is stored.
type Document struct {
	ID   string
	Text []byte
}

// Open opens the database in a file, or a new one in memory if file is empty. It makes the file, for nobody else to
// read, if there is none, but not its directory, and brings one that an older version has written up to the present
// form. It fails when the file is no SQLite database, and when a newer version has written it.
func Open(ctx context.Context, file string) (*Store, error) {
	if file == "" {
		db, err := openDatabase(":memory:", 1) // another connection would be another, empty database
		if err != nil {
			return nil, err
		}
		return (&Store{db, db}).migrated(ctx)
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
	return (&Store{reads, writes}).migrated(ctx)
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

func (s *Store) migrated(ctx context.Context) (*Store, error) {
	if err := s.inTransaction(ctx, func(tx *sql.Tx) error { return migrate(ctx, tx) }); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

// Close closes the database. Nothing may be under way.
func (s *Store) Close() error { return errors.Join(s.reads.Close(), s.writes.Close()) }

// IsBusy tells of an error of this package whether another process has kept the file for too long.
func IsBusy(err error) bool {
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

func (s *Store) inTransaction(ctx context.Context, do func(*sql.Tx) error) error {
	tx, err := s.writes.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	if err := do(tx); err != nil {
		return errors.Join(err, tx.Rollback())
	}
	return tx.Commit()
}

// People returns everybody, in the order that they were put in.
func (s *Store) People(ctx context.Context) ([]Person, error) {
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

// Resident is a person with all items, by facet.
type Resident struct {
	Person
	Facets map[string][]Document
}

// Fill puts people into a database in which there is nobody, and leaves any other as it is, without asking for the
// people. Its error is theirs, if there is one, or that of the database.
func (s *Store) Fill(ctx context.Context, people func() ([]Resident, error)) error {
	return s.inTransaction(ctx, func(tx *sql.Tx) error {
		var inhabited bool
		err := tx.QueryRowContext(ctx, "SELECT EXISTS (SELECT * FROM person)").Scan(&inhabited)
		if err != nil || inhabited {
			return err
		}
		all, err := people()
		if err != nil {
			return err
		}
		for position, r := range all {
			if err := r.insert(ctx, tx, position); err != nil {
				return fmt.Errorf("put %s in: %w", r.UserPrincipalName, err)
			}
		}
		return nil
	})
}

func (r Resident) insert(ctx context.Context, tx *sql.Tx, position int) error {
	_, err := tx.ExecContext(ctx, "INSERT INTO person (id, position, userPrincipalName, displayName) VALUES (?, ?, ?, ?)",
		r.ID, position, r.UserPrincipalName, r.DisplayName)
	if err != nil {
		return err
	}
	for _, facet := range slices.Sorted(maps.Keys(r.Facets)) {
		for _, doc := range r.Facets[facet] {
			if err := insertDocument(ctx, tx, Key{r.ID, facet, doc.ID}, doc.Text); err != nil {
				return fmt.Errorf("item %s: %w", doc.ID, err)
			}
		}
	}
	return nil
}

// Documents returns all items of a person's facet, in no order that anybody should rely on.
func (s *Store) Documents(ctx context.Context, person, facet string) ([]Document, error) {
	rows, err := s.reads.QueryContext(ctx, "SELECT id, doc FROM item WHERE person = ? AND facet = ?", person, facet)
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }()
	var docs []Document
	for rows.Next() {
		var doc Document
		if err := rows.Scan(&doc.ID, &doc.Text); err != nil {
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

// Document returns one item. The error is [ErrNotFound] if there is none.
func (s *Store) Document(ctx context.Context, k Key) ([]byte, error) {
	return readDocument(ctx, s.reads, k)
}

func readDocument(ctx context.Context, q querier, k Key) (doc []byte, err error) {
	row := q.QueryRowContext(ctx, "SELECT doc FROM item WHERE person = ? AND facet = ? AND id = ?", k.Person, k.Facet, k.ID)
	if err = row.Scan(&doc); errors.Is(err, sql.ErrNoRows) {
		err = ErrNotFound
	}
	return doc, err
}

// Insert puts a new item in. It fails if one of that key is there.
func (s *Store) Insert(ctx context.Context, k Key, doc []byte) error {
	return s.inTransaction(ctx, func(tx *sql.Tx) error { return insertDocument(ctx, tx, k, doc) })
}

func insertDocument(ctx context.Context, tx *sql.Tx, k Key, doc []byte) error {
	_, err := tx.ExecContext(ctx, "INSERT INTO item (person, facet, id, doc) VALUES (?, ?, ?, ?)",
		k.Person, k.Facet, k.ID, string(doc))
	return err
}

// Update replaces a document by what change makes of it. The error is [ErrNotFound] if there is none, and otherwise
// that of change, which leaves the document as it is. Nobody else writes in between, so nothing is lost when
// several change different properties of one item at a time.
func (s *Store) Update(ctx context.Context, k Key, change func(doc []byte) ([]byte, error)) error {
	return s.inTransaction(ctx, func(tx *sql.Tx) error {
		doc, err := readDocument(ctx, tx, k)
		if err != nil {
			return err
		}
		if doc, err = change(doc); err != nil {
			return err
		}
		_, err = tx.ExecContext(ctx, "UPDATE item SET doc = ? WHERE person = ? AND facet = ? AND id = ?",
			string(doc), k.Person, k.Facet, k.ID)
		return err
	})
}

// Delete removes a document unless check objects, whose error it then returns. It is [ErrNotFound] if there is none.
func (s *Store) Delete(ctx context.Context, k Key, check func(doc []byte) error) error {
	return s.inTransaction(ctx, func(tx *sql.Tx) error {
		doc, err := readDocument(ctx, tx, k)
		if err != nil {
			return err
		}
		if err := check(doc); err != nil {
			return err
		}
		_, err = tx.ExecContext(ctx, "DELETE FROM item WHERE person = ? AND facet = ? AND id = ?", k.Person, k.Facet, k.ID)
		return err
	})
}
