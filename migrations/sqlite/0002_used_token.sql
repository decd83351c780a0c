-- Tokens whose issuers are configured with once-only.

CREATE TABLE used_token (
    digest     BLOB    NOT NULL PRIMARY KEY CHECK (length(digest) = 32), -- SHA-256 over issuer and jti
    expires_ms INTEGER NOT NULL CHECK (expires_ms >= 0) -- when the token is refused anyway, in milliseconds since the Unix epoch
) STRICT, WITHOUT ROWID;

CREATE INDEX used_token_expires ON used_token (expires_ms);
