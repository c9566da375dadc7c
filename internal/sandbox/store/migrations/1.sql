CREATE TABLE person (
    id                TEXT    NOT NULL PRIMARY KEY,
    position          INTEGER NOT NULL UNIQUE, -- the first one is who is signed in when nobody says otherwise
    userPrincipalName TEXT    NOT NULL UNIQUE COLLATE NOCASE,
    displayName       TEXT    NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE item (
    person TEXT NOT NULL,
    facet  TEXT NOT NULL,
    id     TEXT NOT NULL,
    doc    TEXT NOT NULL CHECK (json_valid(doc)), -- as it is answered, with all properties
    PRIMARY KEY (person, facet, id)
) STRICT, WITHOUT ROWID;
