/* The server's signing key: made on the first start, kept in the data directory, readable by the owner only. */
#ifndef EXEUNT_DAEMON_IDENTITY_H
#define EXEUNT_DAEMON_IDENTITY_H

#include "base/rng.h"
#include "matrix/event.h"

/*
 * Reads DIRECTORY/signing.key, or makes it. One line: "ed25519 VERSION SEED" (seed in unpadded base64), the form other
 * servers use, so that a key can be carried over. RC_CORRUPT or RC_IO with a sentence. Texts live in `arena`.
 */
MUST_CHECK enum rc identity_open(struct arena *arena, const struct rng *rng, str directory, str server_name,
                                 struct signing_identity *ret_identity, struct fail *fail);

#endif
