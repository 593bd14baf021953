/*
 * The main of a fuzz target in ordinary builds: runs every file of the directories (or the single
 * files) on its command line through LLVMFuzzerTestOneInput(), in order of name, and a few
 * shortened forms of each, so that the ends of buffers are met as well.
 */
#include <dirent.h>
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define INPUT_MAX_BYTES ((size_t)16 << 20)

/* The input stands in a block of exactly its size: a read beyond it is one ASan sees. */
static void run_bytes(const char *bytes, size_t size)
{
	uint8_t *copy = malloc(size > 0 ? size : 1);

	if (copy == NULL) {
		perror("replay");
		exit(2);
	}
	memcpy(copy, bytes, size);
	LLVMFuzzerTestOneInput(copy, size);
	free(copy);
}

static void run_file(const char *path)
{
	char *bytes = malloc(INPUT_MAX_BYTES);
	FILE *file = fopen(path, "rb");
	size_t size;

	if (bytes == NULL || file == NULL) {
		fprintf(stderr, "replay: %s: %s\n", path, strerror(errno));
		exit(2);
	}
	size = fread(bytes, 1, INPUT_MAX_BYTES, file);
	fclose(file);
	run_bytes(bytes, size);
	for (size_t keep = size / 2; keep > 0; keep /= 2)
		run_bytes(bytes, keep);
	if (size > 1)
		run_bytes(bytes, size - 1);
	free(bytes);
}

static int is_visible(const struct dirent *entry)
{
	return entry->d_name[0] != '.';
}

/* Returns how many files it ran. */
static size_t run_path(const char *path)
{
	struct dirent **entries;
	struct stat st;
	size_t count = 0;
	int n;

	if (stat(path, &st) != 0) {
		fprintf(stderr, "replay: %s: %s\n", path, strerror(errno));
		exit(2);
	}
	if (!S_ISDIR(st.st_mode)) {
		run_file(path);
		return 1;
	}
	n = scandir(path, &entries, is_visible, alphasort);
	for (int i = 0; i < n; i++) {
		char child[4096];

		snprintf(child, sizeof child, "%s/%s", path, entries[i]->d_name);
		count += run_path(child);
		free(entries[i]);
	}
	if (n >= 0)
		free(entries);
	return count;
}

int main(int argc, char **argv)
{
	size_t count = 0;

	for (int i = 1; i < argc; i++)
		count += run_path(argv[i]);
	printf("%zu inputs\n", count);
	return count > 0 ? 0 : 1;
}
