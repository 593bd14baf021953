/* exeunt migrate: names two databases, lets the store copy one into the other, and says what came of it. */
#include "daemon/identity.h"
#include "daemon/request.h"
#include "daemon/running.h"
#include "daemon/table.h"
#include "store/copy.h"

enum { MIGRATE_ARENA_BYTES = 64 << 20, DIGEST_LETTERS = 16 };

struct migration_run {
	struct running running;
	bool is_verifying, has_begun;
	int64_t began_ms;
};

static void on_progress(void *self, const struct copy_progress *progress)
{
	struct migration_run *run = self;
	char doing[96];
	if (!run->has_begun || run->is_verifying != progress->is_verifying)
		running_begin(&run->running, "rows", progress->rows_before);
	run->has_begun = true;
	run->is_verifying = progress->is_verifying;
	snprintf(doing, sizeof doing, "%s %.*s", progress->is_verifying ? "comparing" : "copying", STR_ARG(progress->table));
	running_show(&run->running, doing, progress->rows, progress->rows_total);
}

/* ---- what is named ---- */

static enum rc place_sqlite(const struct settings *settings, str directory, struct copy_place *place)
{
	place->sqlite_directory = directory.n		      ? directory
				  : settings->database_sqlite.n ? settings->database_sqlite
								: settings->server_data;
	return RC_OK;
}

static enum rc place_postgres(const struct settings *settings, struct arena *arena, str database,
                              struct copy_place *place, struct fail *fail)
{
	if (!database.n)
		return fail_set(fail, RC_INVALID_PARAM, "database.postgres is not set: name the database");
	place->database = database;
	if (!settings->database_password_file.n)
		return RC_OK;
	return secret_read(arena, settings->database_password_file, &place->database_password, fail);
}

static enum rc place_read(struct command_call *call, const char *option, str text, struct copy_place *place,
                          struct fail *fail)
{
	const struct settings *settings = &call->options->settings;
	if (str_starts(text, STR("sqlite:")))
		return place_sqlite(settings, str_from(text, 7), place);
	if (str_eq(text, STR("postgres")) || str_eq(text, STR("postgres:")))
		return place_postgres(settings, call->arena, settings->database_postgres, place, fail);
	bool is_url = str_starts(text, STR("postgres://")) || str_starts(text, STR("postgresql://"));
	if (is_url || str_find(text, '=') < text.n)
		return place_postgres(settings, call->arena, text, place, fail);
	return fail_set(fail, RC_INVALID_PARAM, "%s names no database: sqlite:DIR, postgres://… or key=value pairs", option);
}

/* ---- what came of it ---- */

static str cell_digest(struct arena *arena, const unsigned char digest[32])
{
	char text[DIGEST_LETTERS + 1];
	for (size_t i = 0; i < DIGEST_LETTERS / 2; i++)
		snprintf(text + 2 * i, 3, "%02x", (unsigned)digest[i]);
	return arena_dup(arena, str_of(text));
}

static enum rc print_verdicts(struct arena *arena, const struct copy_report *report)
{
	static const char *const headings[] = {"table", "rows", "copied", "sha256", "copy", "result"};
	struct table table;
	table_init(&table, arena, headings, COUNT_OF(headings));
	for (size_t i = 0; i < report->count; i++) {
		const struct copy_verdict *verdict = &report->verdicts[i];
		str cells[] = {verdict->table, cell_integer(arena, verdict->from_rows), cell_integer(arena, verdict->to_rows),
			cell_digest(arena, verdict->from_digest), cell_digest(arena, verdict->to_digest),
			verdict->is_same ? STR("same") : STR("DIFFERS")};
		table_add(&table, cells);
	}
	return table_print(&table);
}

static enum rc print_report(struct arena *arena, const struct copy_report *report, int64_t took_ms, struct fail *fail)
{
	TRY(print_verdicts(arena, report));
	printf("\n%lld rows copied", (long long)report->rows_copied);
	if (report->rows_before)
		printf(" after %lld of an interrupted run", (long long)report->rows_before);
	printf(", and both sides compared, in %lld.%lld s.\n", (long long)(took_ms / 1000), (long long)(took_ms % 1000 / 100));
	if (!report->is_same)
		return fail_set(fail, RC_CORRUPT, "the copy differs from the source: empty the target and begin again");
	puts("The copy is complete. Name it in the configuration (database.sqlite or database.postgres) before the\n"
	     "server starts; the signing key and the name of the server stay where they are.");
	return RC_OK;
}

static enum rc places_read(struct command_call *call, struct copy_config *config, struct fail *fail)
{
	if (!wants(call, OPTION_FROM) || !wants(call, OPTION_TO))
		return fail_set(fail, RC_MISSING_PARAM, "it needs --from DATABASE and --to DATABASE");
	TRY(place_read(call, "--from", call->options->from, &config->from, fail));
	return place_read(call, "--to", call->options->to, &config->to, fail);
}

static enum rc migrate(struct copy_config *config, struct arena *arena, struct fail *fail)
{
	struct migration_run run = {.began_ms = clock_mono_ms(&clock_system)};
	struct copy_report report;
	config->progress = on_progress;
	config->self = &run;
	TRY(crypto_init());
	enum rc rc = store_copy(config, arena, &report, fail);
	if (run.has_begun)
		running_end(&run.running);
	TRY(rc);
	return print_report(arena, &report, clock_mono_ms(&clock_system) - run.began_ms, fail);
}

int command_migrate(struct command_call *call)
{
	struct fail fail = {0};
	struct arena CLEANUP(arena_release) arena;
	struct copy_config config = {.beat_wait_ms = call->options->settings.cluster_lease_ms};
	arena_init(&arena, MIGRATE_ARENA_BYTES);
	if (places_read(call, &config, &fail) != RC_OK)
		return command_misused(call, &fail);
	enum rc rc = migrate(&config, &arena, &fail);
	return command_done(call, rc, &fail);
}
