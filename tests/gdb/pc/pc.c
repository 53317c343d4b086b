/* What a debugger looks at: calls, variables, the x87, SSE, a loop that gets hot. */
typedef struct pair { int first, second; } pair;

volatile int counter;
volatile int reads;
volatile int heat;
volatile double ratio;
volatile float lanes[4] __attribute__((aligned(16))) = { 1.5f, -2, 0.25f, 1e10f };
pair pairs[3] = { { 1, 2 }, { 3, 4 }, { 5, 6 } };
volatile long double wide = 3.25L;
char text[] = "tinamou";

__attribute__((noinline)) int sum(const pair *p, int n)
{
    int total = 0;
    for (int i = 0; i < n; i++)
        total += p[i].first * p[i].second;
    return total;
}

__attribute__((noinline)) int deeper(int level)
{
    if (level == 0)
        return sum(pairs, 3);
    return deeper(level - 1) + level;
}

__attribute__((noinline)) void numbers(void)
{
    ratio = (double)wide / 3;
    __asm__ volatile("movaps %0, %%xmm1; mulps %%xmm1, %%xmm1; movaps %%xmm1, %%xmm2; addps %1, %%xmm2"
                     : : "m"(lanes[0]), "m"(lanes[0]) : "xmm1", "xmm2");
    __asm__ volatile("fldpi; fldt %0; fmul %%st(1), %%st" : : "m"(wide));
}

__attribute__((noinline)) void numbers_over(void)
{
    __asm__ volatile("fninit");
}

__attribute__((noinline)) int hot(int n)
{
    int x = 1;
    for (int i = 0; i < n; i++)
        x = x * 5 + (x >> 3);
    return x;
}

__attribute__((noinline)) void turn(void)
{
    counter++;
    reads = counter + deeper(3);
    pairs[1].second = reads;
    numbers();
    numbers_over();
    text[0] ^= 0x20;
    heat = hot(20000);
}

void run(void)
{
    for (;;)
        turn();
}
