#include "daemon/commands.h"

enum { NAME_COLUMN = 31 };

static const char global_options[] =
	"Options of every command:\n"
	"  --config FILE                Read the settings from FILE (YAML).\n"
	"  --data DIR                   Keep the data in DIR; default ./exeunt-data.\n"
	"  --server-name NAME           The part behind the colon in user IDs; default localhost.\n"
	"  --listen ADDRESS:PORT        Listen there; default 127.0.0.1:8008.\n"
	"  --set SECTION.NAME=VALUE     Set any setting; may be given more than once.\n"
	"  -h, --help                   Explain the program or one command.\n"
	"  --version                    Print the version.\n";

/* "user add NAME" */
static int put_usage(char *text, size_t size, const struct command *command)
{
	return snprintf(text, size, "%s%s%s%s%s", command->group, *command->group ? " " : "", command->verb,
	                command->argument ? " " : "", command->argument ? command->argument : "");
}

static void list_commands(FILE *stream, str group)
{
	size_t count;
	const struct command *rows = command_rows(&count);
	for (size_t i = 0; i < count; i++) {
		char usage[80];
		if (group.n && !str_eq(str_of(rows[i].group), group))
			continue;
		put_usage(usage, sizeof usage, &rows[i]);
		fprintf(stream, "  %-*s%s\n", NAME_COLUMN - 2, usage, rows[i].summary);
	}
}

void help_program(FILE *stream)
{
	fputs("exeunt is a Matrix homeserver that ends accounts properly.\n"
	      "\n"
	      "usage: exeunt COMMAND [OPTIONS]\n"
	      "\n"
	      "Commands:\n",
	      stream);
	list_commands(stream, STR_EMPTY);
	fprintf(stream,
	        "\n%s\n"
	        "First steps:\n"
	        "  exeunt serve                  and, in another terminal,\n"
	        "  exeunt user add alice         then log in at http://127.0.0.1:8008 as alice.\n"
	        "\n"
	        "'exeunt COMMAND --help' explains one command. Commands work beside a running server and\n"
	        "without one. Exit status: 0 done, 1 failed, 2 wrong command line.\n",
	        global_options);
}

void help_group(FILE *stream, str group)
{
	fprintf(stream, "usage: exeunt %.*s COMMAND [OPTIONS]\n\nCommands:\n", STR_ARG(group));
	list_commands(stream, group);
	fprintf(stream, "\n'exeunt %.*s COMMAND --help' explains one command.\n", STR_ARG(group));
}

static void list_options(FILE *stream, const struct command *command)
{
	size_t count;
	const struct option_row *rows = option_rows(&count);
	if (command->options)
		fputs("\nOptions:\n", stream);
	for (size_t i = 0; i < count; i++) {
		char usage[40];
		if (!(command->options & (unsigned)rows[i].option))
			continue;
		snprintf(usage, sizeof usage, "%.*s%s%s", STR_ARG(rows[i].name), rows[i].value ? " " : "",
		         rows[i].value ? rows[i].value : "");
		fprintf(stream, "  %-*s%s\n", NAME_COLUMN - 2, usage, rows[i].help);
	}
}

void help_command(FILE *stream, const struct command *command)
{
	char usage[80];
	put_usage(usage, sizeof usage, command);
	fprintf(stream, "%s\n\nusage: exeunt %s [OPTIONS]\n\n%s", command->summary, usage, command->details);
	list_options(stream, command);
	fprintf(stream, "\n%s", global_options);
}
