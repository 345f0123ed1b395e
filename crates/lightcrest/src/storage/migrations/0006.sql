-- Schema version 6. The number of a study that was deleted is never given out again.

CREATE TABLE study_number (
    last INTEGER NOT NULL -- the largest of studies that were deleted
) STRICT;
INSERT INTO study_number VALUES (0);

CREATE TRIGGER study_deleted AFTER DELETE ON study BEGIN
    UPDATE study_number SET last = max(last, old.id);
END;
