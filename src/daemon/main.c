/* The program. Everything is in the library of the room, so that the unit tests can link it. */
#include "daemon/commands.h"

int main(int argc, char **argv)
{
	return command_line(argc, argv);
}
