/* What a program finds at its start. */
#include "sys.h"
int run(int argc, char **argv, char **envp, unsigned long *auxv)
{
    num("argc", argc);
    for (int i = 1; i < argc; i++) { put(argv[i]); put("\n"); }
    while (*envp && len(*envp) > 3 && (*envp)[0] != 'T') envp++;
    put(*envp ? *envp : "no variable"); put("\n");
    unsigned long aux[64] = {0};
    for (; auxv[0]; auxv += 2)
        if (auxv[0] < 64) aux[auxv[0]] = auxv[1];
    num("pagesz", aux[6]);
    num("phent", aux[4]);
    num("clktck", aux[17]);
    num("secure", aux[23]);
    num("random", aux[25] != 0);
    num("stack aligned", ((unsigned long)__builtin_frame_address(0) & 7) == 0);
    num("no such file", S(open, "/does/not/exist", 0));
    num("bad descriptor", S(close, 77));
    num("bad pointer", S(write, 1, 16, 4));
    num("bad path", S(open, 1, 0));
    num("kernel pointer", S(write, 1, 0x80000000ul, 4));
    num("not a directory", S(chdir, "/dev/null"));
    return 7;
}
