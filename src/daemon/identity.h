/*
 * The server's signing key: made on the first start, kept in the data directory, readable by the
 * owner only.
 */
#ifndef EXEUNT_DAEMON_IDENTITY_H
#define EXEUNT_DAEMON_IDENTITY_H

#include "base/rng.h"
#include "matrix/event.h"

/*
 * Reads the signing key, or makes it. One line: "ed25519 VERSION SEED" (seed in unpadded
 * base64), the form other servers use, so that a key can be carried over. RC_CORRUPT or RC_IO with
 * a sentence. Texts live in `arena`.
 */
MUST_CHECK enum rc identity_open(struct arena *arena, const struct rng *rng, str path, str server_name,
                                 struct signing_identity *ret_identity, struct fail *fail);

/*
 * The name of the server is in every ID it ever made: DIRECTORY/server_name keeps the one of the
 * first start. RC_INVALID_PARAM: the data belong to a server of another name, which the sentence
 * tells. The directory lock must be held.
 */
MUST_CHECK enum rc identity_keep_name(struct arena *arena, str directory, str server_name, struct fail *fail);

/* The first line of a file, as passwords are kept. RC_IO, RC_INVALID_PARAM (it is empty) with a sentence. */
MUST_CHECK enum rc secret_read(struct arena *arena, str path, str *ret_secret, struct fail *fail);

#endif
