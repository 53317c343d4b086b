# Compiling, linking in both ways, running; then make with two jobs.
rm -rf /tmp/c && mkdir /tmp/c && cd /tmp/c || exit
cat >main.c <<'C'
#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
static int compare(const void *a, const void *b) { return strcmp(*(char *const *)a, *(char *const *)b); }
static void *work(void *n) {
  double s = 0;
  for (int i = 1; i < 1000; i++) s += sin(i * *(int *)n);
  return strdup(s > 0 ? "up" : "down");
}
int value(int);
int main(int argc, char **argv) {
  qsort(argv + 1, argc - 1, sizeof *argv, compare);
  for (int i = 1; i < argc; i++) printf("%s %d\n", argv[i], value(i));
  pthread_t t[3];
  int n[3] = {1, 2, 3};
  for (int i = 0; i < 3; i++) pthread_create(&t[i], 0, work, &n[i]);
  for (int i = 0; i < 3; i++) {
    void *said;
    pthread_join(t[i], &said);
    puts(said);
  }
  printf("%.12f %a\n", exp(1) + cbrt(2), (float)(1 / 3.0));
  return 5;
}
C
for i in 1 2 3 4 5 6; do echo "int f$i(int n) { return n < 2 ? $i : n * f$i(n - 1); }" >f$i.c; done
echo 'int f1(int), f2(int), f3(int), f4(int), f5(int), f6(int); int value(int n) { return f1(n) + f2(n) + f3(n) + f4(n) + f5(n) + f6(n); }' >value.c
printf 'program: main.o value.o f1.o f2.o f3.o f4.o f5.o f6.o\n\t@gcc -pthread -o $@ $^ -lm\n%%.o: %%.c\n\t@gcc -Wall -O2 -c $<\n' >Makefile
make -s -j2 && ./program b a c; echo "status $?"
make -q && echo 'up to date'; touch f3.c; make -n | wc -l
gcc -static -O1 -pthread ./*.c -lm -o static && ./static x; echo "status $?"
echo 'int main(void) { return undeclared; }' | gcc -x c - 2>&1 | grep -c error; nm program | grep -c ' T f'
