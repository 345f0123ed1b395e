-- Schema version 3. A file may hold several studies, told apart by their names, and a study has attributes.

-- {"name": anything}
ALTER TABLE study ADD COLUMN attributes TEXT NOT NULL DEFAULT '{}';
