/* Runs integer instructions on a MIPS and prints a hash of the results of 64 vectors each.
 *
 * Input: instruction words in hex, one per line, that use $8 (rs), $9 (rt) and $10 (rd) alone. Output: "word hash".
 *   mipsel-linux-gnu-gcc -static -O1 int.c -o int && qemu-mipsel-static -cpu 24Kf ./int < words > int-24kf.txt
 *   mips64el-linux-gnuabi64-gcc -static -O1 int.c -o int && qemu-mips64el-static -cpu MIPS64R2-generic ./int < words > int-64r2.txt
 * The words come from the test `int_words` (TINAMOU_INT_WORDS=1).
 */
#include <stdint.h>
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

#if _MIPS_SZPTR == 64
#define LOAD(t, o) (0xdc800000u | (t) << 16 | (o) * 8)
#define STORE(t, o) (0xfca00000u | (t) << 16 | (o) * 8)
#else
#define LOAD(t, o) (0x8c800000u | (t) << 16 | (o) * 4)
#define STORE(t, o) (0xaca00000u | (t) << 16 | (o) * 4)
#endif

static uint64_t seed;

static uint64_t next(void)
{
    seed += 0x9e3779b97f4a7c15u;
    uint64_t z = seed;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return z ^ z >> 31;
}

/* An operand: an edge or random bits; without `wide` sign-extended from 32 bits. */
static uint64_t operand(int wide)
{
    static const uint64_t edges[8] = {0, 1, ~0ull, 0x7fffffff, 0x80000000, 0x7fffffffffffffffull, 0x8000000000000000ull, 31};
    uint64_t r = next();
    uint64_t v = r & 7 ? next() >> (r >> 8 & 63) : edges[r >> 3 & 7];
    if (r & 1 << 14)
        v = -v;
    return wide ? v : (uint64_t)(int64_t)(int32_t)v;
}

int main(void)
{
    uint32_t *code = mmap(0, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    unsigned word, wide;
    while (scanf("%x %u", &word, &wide) == 2) {
        uint32_t body[] = {LOAD(8, 3), LOAD(9, 4), 0x01000011, 0x01200013, LOAD(8, 0), LOAD(9, 1), LOAD(10, 2), word,
                           STORE(8, 0), STORE(9, 1), STORE(10, 2), 0x00004010, 0x00004812, STORE(8, 3), STORE(9, 4), 0x03e00008, 0};
        for (unsigned i = 0; i < sizeof body / 4; i++)
            code[i] = body[i];
        __builtin___clear_cache((char *)code, (char *)code + sizeof body);
        uint64_t hash = 0xcbf29ce484222325u;
        seed = word;
        for (int n = 0; n < 64; n++) {
            long in[5], out[5];
            for (int i = 0; i < 5; i++)
                in[i] = operand(wide);
            ((void (*)(long *, long *))code)(in, out);
            for (int i = 0; i < 5; i++)
                hash = (hash ^ (uint64_t)(int64_t)out[i]) * 0x100000001b3u;
        }
        printf("%08x %u %016llx\n", word, wide, (unsigned long long)hash);
    }
    return 0;
}
