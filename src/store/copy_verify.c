/* Both sides once more, row by row, hashed by us: what a database says about itself is not asked. */
#include "store/copy_int.h"

#include "codec/crypto.h"

#include <string.h>

enum { DIGEST_PIECE_BYTES = 256 << 10 };

/* Each piece begins with the digest of those before it; where it ends depends on the rows alone. */
struct digest {
	struct bytes piece;
	int64_t rows;
};

static enum rc piece_close(struct digest *digest)
{
	struct sha256 hash = sha256(str_bytes(digest->piece.p, digest->piece.n));
	digest->piece.n = 0;
	return bytes_add(&digest->piece, hash.bytes, sizeof hash.bytes);
}

static enum rc digest_begin(struct digest *digest)
{
	static const unsigned char zeros[SHA256_BYTES];
	digest->rows = 0;
	digest->piece.n = 0;
	return bytes_add(&digest->piece, zeros, sizeof zeros);
}

static enum rc digest_add(struct digest *digest, str row)
{
	TRY(bytes_add(&digest->piece, row.p, row.n));
	digest->rows++;
	return digest->piece.n >= DIGEST_PIECE_BYTES ? piece_close(digest) : RC_OK;
}

static enum rc side_digest_rows(struct copying *copying, struct side *side, struct digest *digest, bool shows)
{
	str row;
	enum rc rc;
	while ((rc = side->ops->step(side, &row)) == RC_OK) {
		TRY(digest_add(digest, row));
		if (!shows)
			continue;
		copying->shown.rows++;
		if (digest->piece.n == SHA256_BYTES)
			copy_show(copying);
	}
	return rc == RC_NOT_FOUND ? piece_close(digest) : rc;
}

static enum rc side_digest(struct copying *copying, struct side *side, const struct copy_table *table, bool shows,
                           unsigned char ret_hash[SHA256_BYTES], int64_t *ret_rows)
{
	struct digest digest = {0};
	enum rc rc = digest_begin(&digest);
	if (rc == RC_OK)
		rc = side_scan(side, table, STR_EMPTY);
	if (rc == RC_OK)
		rc = side_digest_rows(copying, side, &digest, shows);
	side->ops->scan_end(side);
	if (rc == RC_OK) {
		memcpy(ret_hash, digest.piece.p, SHA256_BYTES);
		*ret_rows = digest.rows;
	}
	bytes_free(&digest.piece);
	return rc == RC_OK ? rc : side_fail(side, rc, copying->fail);
}

static enum rc table_verify(struct copying *copying, size_t at)
{
	const struct copy_table *from = &copying->from.catalog.tables[at], *to = &copying->to.catalog.tables[at];
	struct copy_verdict *verdict = &copying->report.verdicts[at];
	copying->shown.table = verdict->table = from->name;
	copy_show(copying);
	TRY(side_digest(copying, &copying->from, from, true, verdict->from_digest, &verdict->from_rows));
	TRY(side_digest(copying, &copying->to, to, false, verdict->to_digest, &verdict->to_rows));
	verdict->is_same = verdict->from_rows == verdict->to_rows &&
			   memcmp(verdict->from_digest, verdict->to_digest, SHA256_BYTES) == 0;
	copying->report.is_same &= verdict->is_same;
	copy_show(copying);
	return RC_OK;
}

enum rc copy_verify(struct copying *copying)
{
	size_t count = copying->from.catalog.count;
	copying->report.verdicts = arena_array(copying->arena, struct copy_verdict, count);
	TRY(arena_status(copying->arena));
	copying->report.count = count;
	copying->report.is_same = true;
	copying->shown.is_verifying = true;
	copying->shown.rows = copying->shown.rows_before = 0;
	for (size_t i = 0; i < count; i++)
		TRY(table_verify(copying, i));
	return RC_OK;
}
