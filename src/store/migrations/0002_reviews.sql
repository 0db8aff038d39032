-- What people decided on generations. Everything here can be told from the entry of the chain with the same `seq`.
CREATE TABLE reviews (
    seq        INTEGER PRIMARY KEY,
    generation TEXT    NOT NULL,
    decision   TEXT -- approved or rejected; null of a review that decides nothing
);
CREATE INDEX reviews_generation ON reviews (generation, seq);
