-- Tokens whose issuers are configured with once-only.

CREATE TABLE used_token (
    digest     BYTEA  NOT NULL PRIMARY KEY CHECK (length(digest) = 32),
    expires_ms BIGINT NOT NULL CHECK (expires_ms >= 0)
);
COMMENT ON COLUMN used_token.digest IS 'SHA-256 over issuer and jti';
COMMENT ON COLUMN used_token.expires_ms IS 'when the token is refused anyway, in milliseconds since the Unix epoch';

CREATE INDEX used_token_expires ON used_token (expires_ms);
