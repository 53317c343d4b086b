// A multiboot program for a PC without firmware's help: paging on, then `run` for ever. 32 bits, or with -DWIDE 64.
	.section .text.start, "ax"
	.code32
	.align 4
	.long 0x1badb002, 3, -(0x1badb002 + 3)
	.globl start
start:
	mov $stack_top, %esp
	mov $0x1000, %edi
	xor %eax, %eax
	mov $0x1800, %ecx
	cld
	rep stosl
#ifdef WIDE
	// 1000h PML4, 2000h PDPT, 3000h directory: two megabytes twice, and once more at ffffffff80000000h without the last rights.
	movl $0x2003, 0x1000
	movl $0x2003, 0x1ff8
	movl $0x3003, 0x2000
	movl $0x3003, 0x2ff0
	movl $0x000083, 0x3000
	movl $0x200083, 0x3008
	mov $0x6a0, %eax
	mov %eax, %cr4
	mov $0xc0000080, %ecx
	rdmsr
	or $0x100, %eax
	wrmsr
	mov $0x1000, %eax
	mov %eax, %cr3
	mov $0x80010013, %eax
	mov %eax, %cr0
	lgdt table
	ljmp $8, $wide
	.code64
wide:
#else
	// 1000h directory: 4 MiB as one page; 2000h table: 80000000h on, eight pages of the program, the second read-only.
	movl $0x000083, 0x1000
	movl $0x2003, 0x1800
	movl $0x100003, 0x2000
	movl $0x101001, 0x2004
	movl $0x102007, 0x2008
	mov $0x690, %eax
	mov %eax, %cr4
	mov $0x1000, %eax
	mov %eax, %cr3
	mov $0x80010013, %eax
	mov %eax, %cr0
	lgdt table
	ljmp $8, $flat
flat:
#endif
	mov $16, %eax
	mov %eax, %ds
	mov %eax, %es
	mov %eax, %ss
	mov $0, %eax
	mov %eax, %fs
	mov %eax, %gs
	fninit
	call run
1:	hlt
	jmp 1b

	.section .data
	.align 8
segments:
	.quad 0
#ifdef WIDE
	.quad 0x00af9b000000ffff
#else
	.quad 0x00cf9b000000ffff
#endif
	.quad 0x00cf93000000ffff
table:
	.word . - segments - 1
	.long segments
	.long 0
	.section .bss
	.align 16
	.space 8192
stack_top:
