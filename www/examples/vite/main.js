import { Tinamou } from 'tinamou';
import 'tinamou/element';

const { elf } = await Tinamou.assemble(`
        .equ  UART, 0xb80003f8
_start: li    $t0, UART
        li    $t1, 'A'
        sb    $t1, 0($t0)
end:    b     end
`);
const machine = await Tinamou.create({ cpu: '24Kf', memory: 16, kernel: elf });
const [letter] = await machine.waitFor('A');
document.querySelector('#answer').textContent = letter;
machine.close();
