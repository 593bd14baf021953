#include "daemon/identity.h"

#include "codec/base64.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <unistd.h>

enum { KEY_FILE_MAX_BYTES = 256, NAME_FILE_MAX_BYTES = 256, KEY_VERSION_CHARS = 6, SECRET_MAX_BYTES = 1024 };

static void close_fd(const int *fd)
{
	if (*fd >= 0)
		close(*fd);
}

static enum rc parse(struct arena *arena, str text, str server_name, struct signing_identity *ret_identity)
{
	str rest = str_first(text, str_find(text, '\n')), algorithm, version, seed_text, seed;
	if (!str_split(&rest, ' ', &algorithm) || !str_eq(algorithm, STR("ed25519")) ||
	    !str_split(&rest, ' ', &version) || !version.n || !str_split(&rest, ' ', &seed_text) || rest.p)
		return RC_CORRUPT;
	if (base64_decode(arena, BASE64_STANDARD, seed_text, &seed) != RC_OK || seed.n != ED25519_SEED_BYTES) {
		TRY(arena_status(arena)); /* no memory is no damage */
		return RC_CORRUPT;
	}
	ret_identity->server_name = server_name;
	ret_identity->key_id = arena_printf(arena, "ed25519:%.*s", STR_ARG(version));
	ed25519_from_seed(&ret_identity->key, (const unsigned char *)seed.p);
	crypto_wipe(UNCONST(void *, seed.p), seed.n);
	return arena_status(arena);
}

static enum rc read_key(struct arena *arena, int fd, str server_name, struct signing_identity *ret_identity)
{
	char text[KEY_FILE_MAX_BYTES];
	ssize_t n = read(fd, text, sizeof text);
	enum rc rc = n <= 0 ? RC_CORRUPT : parse(arena, str_bytes(text, (size_t)n), server_name, ret_identity);
	crypto_wipe(text, sizeof text);
	return rc;
}

/* A new name in a directory lasts only once the directory is on disk. */
static bool sync_directory_of(const char *path)
{
	char directory[PATH_MAX];
	size_t n = str_find_last(str_of(path), '/');
	if (n >= sizeof directory)
		return false;
	memcpy(directory, path, n);
	directory[n] = '\0';
	int CLEANUP(close_fd) fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return fd >= 0 && fsync(fd) == 0;
}

/* Written beside and renamed, so that a crash leaves the whole file or none. */
static enum rc write_file(const char *path, const char *path_new, str text)
{
	int CLEANUP(close_fd) fd = open(path_new, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (fd < 0 || write(fd, text.p, text.n) != (ssize_t)text.n || fsync(fd) != 0 ||
	    rename(path_new, path) != 0 || !sync_directory_of(path))
		return errno == ENOSPC ? RC_DISK_FULL : RC_IO;
	return RC_OK;
}

static enum rc make_key(struct arena *arena, const struct rng *rng, const char *path)
{
	unsigned char seed[ED25519_SEED_BYTES];
	rng_fill(rng, seed, sizeof seed);
	str version = rng_text(rng, arena, RNG_ALPHANUMERIC, KEY_VERSION_CHARS);
	str encoded = base64_encode(arena, BASE64_STANDARD, str_bytes(seed, sizeof seed));
	str text = arena_printf(arena, "ed25519 %.*s %.*s\n", STR_ARG(version), STR_ARG(encoded));
	str path_new = arena_printf(arena, "%s.new", path);
	crypto_wipe(seed, sizeof seed);
	TRY(arena_status(arena));
	enum rc rc = write_file(path, path_new.p, text);
	crypto_wipe(UNCONST(void *, text.p), text.n);
	crypto_wipe(UNCONST(void *, encoded.p), encoded.n);
	return rc;
}

enum rc identity_open(struct arena *arena, const struct rng *rng, str path, str server_name,
                      struct signing_identity *ret_identity, struct fail *fail)
{
	path = arena_printf(arena, "%.*s", STR_ARG(path));
	TRY(arena_status(arena));
	int CLEANUP(close_fd) fd = open(path.p, O_RDONLY | O_CLOEXEC);
	if (fd < 0 && errno == ENOENT) {
		enum rc rc = make_key(arena, rng, path.p);
		if (rc != RC_OK)
			return fail_set(fail, rc, "cannot write the signing key %s: %s", path.p, strerror(errno));
		fd = open(path.p, O_RDONLY | O_CLOEXEC);
	}
	if (fd < 0)
		return fail_set(fail, RC_IO, "cannot read the signing key %s: %s", path.p, strerror(errno));
	enum rc rc = read_key(arena, fd, server_name, ret_identity);
	return rc == RC_CORRUPT ? fail_set(fail, rc, "%s is no signing key (ed25519 VERSION SEED)", path.p) : rc;
}

enum rc identity_keep_name(struct arena *arena, str directory, str server_name, struct fail *fail)
{
	char text[NAME_FILE_MAX_BYTES];
	str path = arena_printf(arena, "%.*s/server_name", STR_ARG(directory));
	str path_new = arena_printf(arena, "%.*s/server_name.new", STR_ARG(directory));
	str line = arena_printf(arena, "%.*s\n", STR_ARG(server_name));
	TRY(arena_status(arena));
	int CLEANUP(close_fd) fd = open(path.p, O_RDONLY | O_CLOEXEC);
	if (fd < 0 && errno == ENOENT) {
		enum rc rc = write_file(path.p, path_new.p, line);
		return rc == RC_OK ? rc : fail_set(fail, rc, "cannot write %s: %s", path.p, strerror(errno));
	}
	ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof text);
	if (n < 0)
		return fail_set(fail, RC_IO, "cannot read %s: %s", path.p, strerror(errno));
	str kept = str_first(str_bytes(text, (size_t)n), str_find(str_bytes(text, (size_t)n), '\n'));
	if (str_eq(kept, server_name))
		return RC_OK;
	return fail_set(fail, RC_INVALID_PARAM,
	                "the data in %.*s belong to the server %.*s, not %.*s: say --server-name %.*s",
	                STR_ARG(str_first(directory, 60)), STR_ARG(str_first(kept, 50)),
	                STR_ARG(str_first(server_name, 50)), STR_ARG(str_first(kept, 50)));
}

enum rc secret_read(struct arena *arena, str path, str *ret_secret, struct fail *fail)
{
	char text[SECRET_MAX_BYTES];
	str path_z = arena_printf(arena, "%.*s", STR_ARG(path));
	TRY(arena_status(arena));
	int CLEANUP(close_fd) fd = open(path_z.p, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof text);
	if (n < 0)
		return fail_set(fail, RC_IO, "cannot read %s: %s", path_z.p, strerror(errno));
	str all = str_bytes(text, (size_t)n), line = str_first(all, str_find(all, '\n'));
	*ret_secret = arena_dup(arena, line);
	crypto_wipe(text, sizeof text);
	TRY(arena_status(arena));
	if (!line.n)
		return fail_set(fail, RC_INVALID_PARAM, "the first line of %s is empty: it should be a secret", path_z.p);
	return RC_OK;
}
