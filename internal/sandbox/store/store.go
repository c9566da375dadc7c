// Package store stores the sandbox's people and their items in SQLite, in memory or in a file. An item is a JSON
// document with its owner, facet and id. The package does not interpret the document, and does not check permissions.
// Lists can be ordered by two instants of a document, which the caller extracts: see page.go.
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

// migrations/1.sql migrates an empty file to version 1, and so on.
//
//go:embed migrations
var migrations embed.FS

// version is the number of migrations, and the user_version of a migrated file.
const version = 2

// fileReaders is the number of concurrent reads of a file, while a write waits for the disk.
const fileReaders = 4

// ErrNotFound is returned for an item that does not exist.
var ErrNotFound = errors.New("there is no such item")

// Store is an open database. It is safe for concurrent use. Writes queue for a single connection: SQLite allows one
// at a time, and other writers would retry at random intervals until they time out.
type Store struct {
	reads, writes *sql.DB
	sortKeys      func(doc []byte) SortKeys
}

// SortKeys are what a document's lists are ordered by: texts whose order by bytes is that of the instants, or null.
type SortKeys struct{ CreatedDateTime, LastModifiedDateTime sql.NullString }

// Person is a user of the sandbox.
type Person struct {
	ID                string // a GUID
	UserPrincipalName string
	DisplayName       string
}

// Key identifies an item: the id of its owner, the facet, and its own id.
type Key struct{ Person, Facet, ID string }

// Document is a stored item.
type Document struct {
	ID   string
	Text []byte
}

// Open opens the database in a file, or a new one in memory if file is empty. It creates the file, readable by its
// owner only, but not its directory, and migrates a file of an older version. sortKeys is called for every document
// that is written or migrated. It returns an error if the file is not a SQLite database, or was written by a newer
// version.
func Open(ctx context.Context, file string, sortKeys func(doc []byte) SortKeys) (*Store, error) {
	if file == "" {
		db, err := openDatabase(":memory:", 1) // each further connection would have a database of its own
		if err != nil {
			return nil, err
		}
		return (&Store{db, db, sortKeys}).migrated(ctx)
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
	return (&Store{reads, writes, sortKeys}).migrated(ctx)
}

func openDatabase(name string, connections int) (*sql.DB, error) {
	pragmas := []string{
		"busy_timeout(5000)", // milliseconds; a writer waits only for other processes
		"journal_mode(WAL)",
		// With a write-ahead log, this loses nothing when the process is killed, only when the machine fails
		// (sqlite.org/pragma.html#pragma_synchronous).
		"synchronous(NORMAL)",
		"cache_size(-256)", // KiB per connection, instead of 2,000
	}
	// Immediate, because a transaction that begins with a read fails to write if another one has written since.
	db, err := sql.Open("sqlite", name+"?_txlock=immediate&_pragma="+strings.Join(pragmas, "&_pragma="))
	if err != nil {
		return nil, err
	}
	db.SetMaxOpenConns(connections)
	db.SetMaxIdleConns(connections)
	return db, nil
}

func (s *Store) migrated(ctx context.Context) (*Store, error) {
	if err := s.inTransaction(ctx, func(tx *sql.Tx) error { return s.migrate(ctx, tx) }); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

// Close closes the database. No operation may be in progress.
func (s *Store) Close() error { return errors.Join(s.reads.Close(), s.writes.Close()) }

// IsBusy reports whether an error of this package means that another process has locked the file for too long.
func IsBusy(err error) bool {
	var e *sqlite.Error
	return errors.As(err, &e) && e.Code()&0xff == sqlite3.SQLITE_BUSY
}

// databaseURI creates the file if necessary, and makes it readable by its owner only. SQLite gives its additional
// files the same mode (sqlite.org/src, findCreateFileMode).
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

// migrate migrates a database to the current version.
func (s *Store) migrate(ctx context.Context, tx *sql.Tx) error {
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
	if from == 1 {
		if err := s.fillSortKeys(ctx, tx); err != nil {
			return fmt.Errorf("migrate to version 2: %w", err)
		}
	}
	_, err := tx.ExecContext(ctx, fmt.Sprintf("PRAGMA user_version = %d", version))
	return err
}

// fillSortKeys sets the columns that version 2 added.
func (s *Store) fillSortKeys(ctx context.Context, tx *sql.Tx) error {
	rows, err := tx.QueryContext(ctx, "SELECT person, facet, id, doc FROM item")
	if err != nil {
		return err
	}
	defer func() { _ = rows.Close() }()
	all := make(map[Key]SortKeys)
	for rows.Next() {
		var k Key
		var doc []byte
		if err := rows.Scan(&k.Person, &k.Facet, &k.ID, &doc); err != nil {
			return err
		}
		all[k] = s.sortKeys(doc)
	}
	if err := rows.Err(); err != nil {
		return err
	}
	for k, keys := range all {
		_, err := tx.ExecContext(ctx, "UPDATE item SET createdDateTime = ?, lastModifiedDateTime = ? WHERE person = ? AND facet = ? AND id = ?",
			keys.CreatedDateTime, keys.LastModifiedDateTime, k.Person, k.Facet, k.ID)
		if err != nil {
			return err
		}
	}
	return nil
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

// People returns all people, in the order in which they were added.
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

// Fill adds people to a database that has none, and leaves any other unchanged, without calling people. It returns
// the error of people or of the database.
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
			if err := s.insertResident(ctx, tx, r, position); err != nil {
				return fmt.Errorf("put %s in: %w", r.UserPrincipalName, err)
			}
		}
		return nil
	})
}

func (s *Store) insertResident(ctx context.Context, tx *sql.Tx, r Resident, position int) error {
	_, err := tx.ExecContext(ctx, "INSERT INTO person (id, position, userPrincipalName, displayName) VALUES (?, ?, ?, ?)",
		r.ID, position, r.UserPrincipalName, r.DisplayName)
	if err != nil {
		return err
	}
	for _, facet := range slices.Sorted(maps.Keys(r.Facets)) {
		for _, doc := range r.Facets[facet] {
			if err := s.insertDocument(ctx, tx, Key{r.ID, facet, doc.ID}, doc.Text); err != nil {
				return fmt.Errorf("item %s: %w", doc.ID, err)
			}
		}
	}
	return nil
}

// Documents returns all items of a person's facet, in unspecified order.
func (s *Store) Documents(ctx context.Context, person, facet string) ([]Document, error) {
	rows, err := s.reads.QueryContext(ctx, "SELECT id, doc FROM item WHERE person = ? AND facet = ?", person, facet)
	if err != nil {
		return nil, err
	}
	return scanDocuments(rows)
}

func scanDocuments(rows *sql.Rows) ([]Document, error) {
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

// querier is implemented by a database and a transaction.
type querier interface {
	QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
}

// Document returns an item, or [ErrNotFound].
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

// Insert adds a new item. It returns an error if the key exists.
func (s *Store) Insert(ctx context.Context, k Key, doc []byte) error {
	return s.inTransaction(ctx, func(tx *sql.Tx) error { return s.insertDocument(ctx, tx, k, doc) })
}

func (s *Store) insertDocument(ctx context.Context, tx *sql.Tx, k Key, doc []byte) error {
	keys := s.sortKeys(doc)
	_, err := tx.ExecContext(ctx, "INSERT INTO item (person, facet, id, doc, createdDateTime, lastModifiedDateTime) VALUES (?, ?, ?, ?, ?, ?)",
		k.Person, k.Facet, k.ID, string(doc), keys.CreatedDateTime, keys.LastModifiedDateTime)
	return err
}

// Update replaces a document by the result of change. It returns [ErrNotFound] if there is no document, or the error
// of change, which leaves the document unchanged. No other write happens in between, so that concurrent changes of
// different properties of an item are not lost.
func (s *Store) Update(ctx context.Context, k Key, change func(doc []byte) ([]byte, error)) error {
	return s.inTransaction(ctx, func(tx *sql.Tx) error {
		doc, err := readDocument(ctx, tx, k)
		if err != nil {
			return err
		}
		if doc, err = change(doc); err != nil {
			return err
		}
		keys := s.sortKeys(doc)
		_, err = tx.ExecContext(ctx, "UPDATE item SET doc = ?, createdDateTime = ?, lastModifiedDateTime = ? WHERE person = ? AND facet = ? AND id = ?",
			string(doc), keys.CreatedDateTime, keys.LastModifiedDateTime, k.Person, k.Facet, k.ID)
		return err
	})
}

// Delete deletes a document, unless check returns an error, which it then returns. It returns [ErrNotFound] if there
// is no document.
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
