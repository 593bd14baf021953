/*
 * The configuration file: YAML through libcyaml. The schema is made from the rows: a mapping of
 * sections, each a mapping of optional scalars, read as text and then judged by the row, so that
 * file and --set obey the same rules.
 */
#include "base/buf.h"
#include "daemon/settings_int.h"

#include <cyaml/cyaml.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { FILE_MAX_BYTES = 1024 * 1024, SCALAR_MAX_BYTES = 8192, CAUSE_MAX_BYTES = 160 };

struct loading {
	str path, text;
	struct arena *arena;
	struct fail *fail;
	char cause[CAUSE_MAX_BYTES]; /* the first message of libcyaml; its later ones say where */
	int line;                    /* the innermost place that they name; 0: none */
};

PRINTF(3, 0) static void keep_words(cyaml_log_t level, void *self, const char *format, va_list args)
{
	struct loading *loading = self;
	char text[CAUSE_MAX_BYTES];
	const char *place;
	if (level < CYAML_LOG_ERROR)
		return;
	vsnprintf(text, sizeof text, format, args);
	text[strcspn(text, "\n")] = '\0';
	if (!loading->cause[0])
		memcpy(loading->cause, text, sizeof text);
	else if (loading->line == 0 && (place = strstr(text, "(line: ")))
		loading->line = (int)strtol(place + strlen("(line: "), NULL, 10);
}

/* The line of "name:" in the section, counted from 1; 0 when it is written in some other style. */
static int line_of(str text, str section, str name)
{
	str line;
	int number = 0;
	bool inside = false;
	while (str_split(&text, '\n', &line)) {
		number++;
		str trimmed = str_trim(line);
		if (!trimmed.n || trimmed.p[0] == '#')
			continue;
		str key = str_trim(str_first(trimmed, str_find(trimmed, ':')));
		if (line.p == trimmed.p)
			inside = str_eq(key, section);
		else if (inside && str_eq(key, name))
			return number;
	}
	return 0;
}

static enum rc apply_scalar(struct loading *loading, struct settings *settings, const struct setting *row,
                            const char *value)
{
	struct fail why = {0};
	enum rc rc = setting_assign(settings, row, loading->arena, str_of(value), &why);
	if (rc == RC_OK)
		return RC_OK;
	int line = line_of(loading->text, row->section, row->name);
	return fail_set(loading->fail, rc, "%.*s:%d: %s", STR_ARG(str_first(loading->path, 80)), line ? line : 1,
	                fail_message(&why));
}

/* One loaded section: its scalars by row, NULL where the file is silent. */
struct loaded {
	char *scalars[SETTINGS_MAX];
};

struct schema {
	cyaml_schema_field_t section_fields[SETTINGS_MAX + 1];
	cyaml_schema_field_t scalar_fields[SETTINGS_MAX + SETTINGS_MAX];
	cyaml_schema_value_t top;
};

static cyaml_schema_field_t scalar_field(const struct setting *row, size_t index)
{
	return (cyaml_schema_field_t){
		.key = row->name.p,
		.data_offset = (uint32_t)(index * sizeof(char *)),
		.value = {
			.type = CYAML_STRING,
			.flags = CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL,
			.data_size = sizeof(char),
			.string = {.min = 0, .max = SCALAR_MAX_BYTES},
		},
	};
}

static cyaml_schema_field_t section_field(const struct setting *first, const cyaml_schema_field_t *scalars)
{
	return (cyaml_schema_field_t){
		.key = first->section.p,
		.data_offset = 0, /* every section lies over the same array: a row has its own place in it */
		.value = {
			.type = CYAML_MAPPING,
			.flags = CYAML_FLAG_OPTIONAL,
			.data_size = sizeof(struct loaded),
			.mapping = {.fields = scalars},
		},
	};
}

static void schema_make(struct schema *schema)
{
	size_t count, sections = 0, scalars = 0;
	const struct setting *rows = settings_rows(&count);
	*schema = (struct schema){0};
	for (size_t i = 0; i < count; i++) {
		bool first = i == 0 || !str_eq(rows[i].section, rows[i - 1].section);
		if (first) {
			scalars += i > 0; /* the terminator of the section before */
			schema->section_fields[sections++] = section_field(&rows[i], &schema->scalar_fields[scalars]);
		}
		schema->scalar_fields[scalars++] = scalar_field(&rows[i], i);
	}
	schema->top = (cyaml_schema_value_t){
		.type = CYAML_MAPPING,
		.flags = CYAML_FLAG_POINTER,
		.data_size = sizeof(struct loaded),
		.mapping = {.fields = schema->section_fields},
	};
}

/*
 * The first line from `from` on that begins with "KEY:"; 0 when it is written in some other style.
 */
static int line_of_key(str text, str key, int from)
{
	str line;
	for (int number = 1; str_split(&text, '\n', &line); number++) {
		str trimmed = str_trim(line);
		if (number >= from && str_eq(str_trim(str_first(trimmed, str_find(trimmed, ':'))), key))
			return number;
	}
	return 0;
}

/* libcyaml names its events and schema types; people know sections, settings and values. */
static const struct {
	str begin;                  /* of libcyaml's message; a word of it follows */
	const char *before, *after; /* what stands around that word in ours */
	int further;                /* libcyaml tells the place of the value before: lines from it to the key; -1: no key */
} causes[] = {
	{STR_INIT("Load: Unexpected key: "), "there is no section or setting '", "' here", 0},
	{STR_INIT("Load: Mapping field already seen: "), "'", "' stands there more than once", 1},
	{STR_INIT("Load: Expecting MAPPING, got event: "), "a section with settings below it belongs here, not a ", "", -1},
	{STR_INIT("Load: Expecting STRING, got event: "), "a single value belongs here, not a ", "", -1},
	{STR_INIT("Load: libyaml: "), "this is not YAML: ", "", -1},
};

static enum rc explain(const struct loading *loading, cyaml_err_t error)
{
	str cause = loading->cause[0] ? str_of(loading->cause) : str_of(cyaml_strerror(error)), rest = cause;
	const char *before = "", *after = "";
	int line = loading->line, key_line = 0;
	for (size_t i = 0; i < COUNT_OF(causes); i++)
		if (str_starts(cause, causes[i].begin)) {
			before = causes[i].before;
			after = causes[i].after;
			rest = str_from(cause, causes[i].begin.n);
			if (causes[i].further >= 0)
				key_line = line_of_key(loading->text, rest, line + causes[i].further);
		}
	if (key_line)
		line = key_line;
	return fail_set(loading->fail, RC_INVALID_PARAM, "%.*s:%d: %s%.*s%s", STR_ARG(str_first(loading->path, 80)),
	                line ? line : 1, before, STR_ARG(str_first(rest, 80)), after);
}

static enum rc apply_all(struct loading *loading, struct settings *settings, const struct loaded *loaded)
{
	size_t count;
	const struct setting *rows = settings_rows(&count);
	for (size_t i = 0; i < count; i++)
		if (loaded->scalars[i])
			TRY(apply_scalar(loading, settings, &rows[i], loaded->scalars[i]));
	return RC_OK;
}

static enum rc load_text(struct loading *loading, struct settings *settings)
{
	struct schema schema;
	struct loaded *loaded = NULL;
	schema_make(&schema);
	cyaml_config_t config = {
		.log_fn = keep_words,
		.log_ctx = loading,
		.log_level = CYAML_LOG_ERROR,
		.mem_fn = cyaml_mem,
		.flags = CYAML_CFG_DEFAULT,
	};
	cyaml_err_t error = cyaml_load_data((const uint8_t *)loading->text.p, loading->text.n, &config, &schema.top,
	                                    (cyaml_data_t **)&loaded, NULL);
	if (error == CYAML_OK && !loaded)
		return RC_OK; /* nothing but comments */
	if (error != CYAML_OK)
		return explain(loading, error);
	enum rc rc = apply_all(loading, settings, loaded);
	cyaml_free(&config, &schema.top, loaded, 0);
	return rc;
}

static enum rc read_file(struct arena *arena, str path, str *ret_text, struct fail *fail)
{
	char *name = arena_cstr(arena, path);
	char *text = arena_alloc(arena, FILE_MAX_BYTES);
	TRY(arena_status(arena));
	FILE *file = fopen(name, "re");
	if (!file)
		return fail_set(fail, errno == ENOENT ? RC_NOT_FOUND : RC_IO, "cannot read %s: %s", name, strerror(errno));
	size_t n = fread(text, 1, FILE_MAX_BYTES, file);
	bool failed = ferror(file) || !feof(file);
	fclose(file);
	if (failed)
		return fail_set(fail, RC_IO, "cannot read %s whole (at most %d bytes)", name, FILE_MAX_BYTES);
	*ret_text = str_bytes(text, n);
	return RC_OK;
}

enum rc settings_load(struct settings *settings, struct arena *arena, str path, struct fail *fail)
{
	struct loading loading = {.path = path, .arena = arena, .fail = fail};
	TRY(read_file(arena, path, &loading.text, fail));
	return load_text(&loading, settings);
}
