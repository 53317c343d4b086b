// Goroutines, channels, locks, timers, a garbage-collected heap, maps and floating point; prints what does not depend on timing.
package main

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"net"
	"os"
	"os/signal"
	"runtime"
	"sort"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

func sieve(n int) []int {
	source := make(chan int)
	go func(out chan<- int) {
		for i := 2; ; i++ {
			out <- i
		}
	}(source)
	var primes []int
	for i := 0; i < n; i++ {
		prime := <-source
		primes = append(primes, prime)
		next := make(chan int)
		go func(in <-chan int, out chan<- int) {
			for v := range in {
				if v%prime != 0 {
					out <- v
				}
			}
		}(source, next)
		source = next
	}
	return primes
}

func locks() int64 {
	var wg sync.WaitGroup
	var mu sync.Mutex
	var sum, fast int64
	for i := 0; i < 16; i++ {
		wg.Add(1)
		go func(i int) {
			defer wg.Done()
			for j := 0; j < 500; j++ {
				mu.Lock()
				sum += int64(i * j)
				mu.Unlock()
				atomic.AddInt64(&fast, 1<<33)
			}
		}(i)
	}
	wg.Wait()
	return sum ^ fast
}

func threads() int {
	// Each locked to a thread of its own.
	results := make(chan int)
	for i := 0; i < 4; i++ {
		go func(i int) {
			runtime.LockOSThread()
			time.Sleep(time.Duration(i) * time.Millisecond)
			results <- 1 << i
		}(i)
	}
	sum := 0
	for i := 0; i < 4; i++ {
		sum += <-results
	}
	return sum
}

func garbage() int {
	alive := map[int][]byte{}
	for i := 0; i < 4000; i++ {
		alive[i%50] = bytes.Repeat([]byte{byte(i)}, 1000)
	}
	runtime.GC()
	sum := 0
	for _, v := range alive {
		sum += len(v) + int(v[999])
	}
	return sum
}

func recovered(f func()) (said interface{}) {
	defer func() { said = recover() }()
	f()
	return nil
}

func main() {
	primes := sieve(60)
	fmt.Println("primes", primes[len(primes)-1])
	fmt.Println("locks", locks())
	fmt.Println("threads", threads())
	fmt.Println("garbage", garbage())

	var nothing *int
	fmt.Println("nil:", recovered(func() { *nothing = 1 }))
	zero := 0
	fmt.Println("division:", recovered(func() { fmt.Println(1 / zero) }))

	text := strings.Repeat("tinamou ", 3000)
	var packed bytes.Buffer
	w := gzip.NewWriter(&packed)
	io.WriteString(w, text)
	w.Close()
	r, err := gzip.NewReader(&packed)
	if err != nil {
		panic(err)
	}
	back, err := io.ReadAll(r)
	fmt.Println("gzip", len(back), err)
	fmt.Printf("sha256 %x\n", sha256.Sum256(back))

	out, _ := json.Marshal(map[string]interface{}{"pi": math.Pi, "big": int64(1) << 62, "s": []string{"a", "ü"}})
	fmt.Println(string(out))
	fmt.Printf("%.10f %.10e %g\n", math.Sin(1), math.Exp(50), math.Inf(-1))

	words := strings.Fields("the quick brown fox jumps over the lazy dog")
	sort.Strings(words)
	fmt.Println(words)

	caught := make(chan os.Signal, 1)
	signal.Notify(caught, syscall.SIGUSR1)
	syscall.Kill(syscall.Getpid(), syscall.SIGUSR1)
	fmt.Println("signal", <-caught)

	timeout := time.After(time.Minute)
	ticks := 0
	ticker := time.NewTicker(2 * time.Millisecond)
loop:
	for ticks < 3 {
		select {
		case <-ticker.C:
			ticks++
		case <-timeout:
			break loop
		}
	}
	fmt.Println("ticked", ticks)

	listener, err := net.Listen("unix", fmt.Sprintf("/tmp/go-%d", os.Getpid()))
	if err != nil {
		panic(err)
	}
	go func() {
		c, _ := listener.Accept()
		io.Copy(c, c)
		c.Close()
	}()
	c, err := net.Dial("unix", listener.Addr().String())
	if err != nil {
		panic(err)
	}
	fmt.Fprint(c, "over a socket")
	c.(*net.UnixConn).CloseWrite()
	echo, _ := io.ReadAll(c)
	listener.Close()
	fmt.Println(string(echo))
	os.Exit(3)
}
