-- What lists are ordered by, as texts whose order is that of the instants; null without one. Filled by migrate.
ALTER TABLE item ADD COLUMN createdDateTime TEXT;
ALTER TABLE item ADD COLUMN lastModifiedDateTime TEXT;

-- Ids are ascending in both orders of the instants. The reverse of each index has descending ids.
CREATE INDEX item_createdDateTime_asc ON item (person, facet, createdDateTime, id);
CREATE INDEX item_createdDateTime_desc ON item (person, facet, createdDateTime DESC, id);
CREATE INDEX item_lastModifiedDateTime_asc ON item (person, facet, lastModifiedDateTime, id);
CREATE INDEX item_lastModifiedDateTime_desc ON item (person, facet, lastModifiedDateTime DESC, id);
