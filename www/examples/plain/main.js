// What a page can ask a machine: the same with `Tinamou.create`, which needs no element.
const element = document.querySelector('#second');
const machine = await element.ready;
await machine.waitFor('lab>');
await machine.type('info\r');
const [order] = await machine.waitFor(/\w+-endian/);
document.querySelector('#answer').textContent = order;
