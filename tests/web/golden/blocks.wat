;; 483 bytes
global.get 1
i32.load align=1
i32.const 1
i32.ne
if
global.get 0
i32.const 0
i32.add
local.get 1
i32.add
return
end
local.get 0
i32.load align=1
local.set 2
local.get 2
i32.const 4
i32.lt_s
if
global.get 0
i32.const 1
i32.add
local.get 1
i32.add
return
end
block
local.get 2
i32.const 4
i32.sub
local.set 2
local.get 0
local.get 2
i32.const 4
i32.add
i32.store align=1
local.get 0
i32.const 2
i32.const 96
i64.extend_i32_u
i32.const 0
i64.extend_i32_u
i64.const 0
call 0
local.get 0
i32.load align=1
i32.const 4
i32.sub
local.set 2
local.get 0
i32.load offset=8 align=1
i32.const 5
i32.and
if
i32.const 4194306
local.set 3
br 1
end
drop
local.get 0
i32.load offset=8 align=1
i32.const 2
i32.and
if
i32.const 3145731
local.set 3
br 1
end
local.get 0
local.get 2
i32.const 2
i32.add
i32.store align=1
local.get 0
i32.const 3
i32.const 104
i64.extend_i32_u
i32.const 0
i64.extend_i32_u
i64.const 0
call 0
local.get 0
i32.load align=1
i32.const 2
i32.sub
local.set 2
local.get 0
i32.load offset=8 align=1
i32.const 5
i32.and
if
i32.const 2097156
local.set 3
br 1
end
drop
local.get 0
i32.load offset=8 align=1
i32.const 2
i32.and
if
i32.const 1048581
local.set 3
br 1
end
local.get 0
local.get 2
i32.const 1
i32.add
i32.store align=1
local.get 0
i32.const 2
i32.const 144
i64.extend_i32_u
i32.const 0
i64.extend_i32_u
i64.const 0
call 0
local.get 0
i32.load align=1
i32.const 1
i32.sub
local.set 2
local.get 0
i32.load offset=8 align=1
i32.const 5
i32.and
if
i32.const 1048582
local.set 3
br 1
end
drop
local.get 0
i64.const 2148532240
i64.store offset=16 align=1
i32.const 7
local.set 3
br 0
end
local.get 0
local.get 2
local.get 3
i32.const 20
i32.shr_u
i32.add
i32.store align=1
local.get 4
if
local.get 0
local.get 5
local.get 4
return_call_indirect (type 0)
end
global.get 0
local.get 3
i32.const 1048575
i32.and
i32.add
;; 335 bytes
global.get 1
i32.load align=1
i32.const 1
i32.ne
if
global.get 0
i32.const 0
i32.add
local.get 1
i32.add
return
end
local.get 0
i32.load align=1
local.set 2
local.get 2
i32.const 7
i32.lt_s
if
global.get 0
i32.const 1
i32.add
local.get 1
i32.add
return
end
local.get 0
i32.load offset=4212 align=1
local.set 9
block
local.get 2
i32.const 7
i32.sub
local.set 2
local.get 9
i32.const -31248
i32.add
local.set 9
i32.const -2146401392
local.set 7
i32.const -2146401184
local.set 8
local.get 0
local.get 7
i32.store offset=4128 align=1
local.get 0
local.get 8
i32.store offset=4132 align=1
local.get 0
local.get 9
i32.store offset=4212 align=1
i32.const 2
local.set 3
global.get 1
i32.load offset=8 align=1
local.set 4
global.get 1
i32.load offset=12 align=1
local.set 5
br 0
end
local.get 0
local.get 2
local.get 3
i32.const 20
i32.shr_u
i32.add
i32.store align=1
local.get 4
if
local.get 0
local.get 5
local.get 4
return_call_indirect (type 0)
end
global.get 0
local.get 3
i32.const 1048575
i32.and
i32.add
;; 1092 bytes
global.get 1
i32.load align=1
i32.const 1
i32.ne
if
global.get 0
i32.const 0
i32.add
local.get 1
i32.add
return
end
local.get 0
i32.load align=1
local.set 2
local.get 2
i32.const 43
i32.lt_s
if
global.get 0
i32.const 1
i32.add
local.get 1
i32.add
return
end
local.get 0
i32.load offset=4120 align=1
local.set 8
local.get 0
i32.load offset=4124 align=1
local.set 9
local.get 0
i32.load offset=4128 align=1
local.set 10
local.get 0
i32.load offset=4132 align=1
local.set 11
local.get 0
i32.load offset=4136 align=1
local.set 12
local.get 0
i32.load offset=4140 align=1
local.set 13
local.get 0
i32.load offset=4144 align=1
local.set 14
local.get 0
i32.load offset=4148 align=1
local.set 15
local.get 0
i32.load offset=4152 align=1
local.set 16
local.get 0
i32.load offset=4156 align=1
local.set 17
local.get 0
i32.load offset=4160 align=1
local.set 18
local.get 0
i32.load offset=4164 align=1
local.set 19
local.get 0
i32.load offset=4168 align=1
local.set 20
local.get 0
i32.load offset=4172 align=1
local.set 21
local.get 0
i32.load offset=4176 align=1
local.set 22
local.get 0
i32.load offset=4180 align=1
local.set 23
local.get 0
i32.load offset=4184 align=1
local.set 24
local.get 0
i32.load offset=4188 align=1
local.set 25
local.get 0
i32.load offset=4192 align=1
local.set 26
local.get 0
i32.load offset=4196 align=1
local.set 27
local.get 0
i32.load offset=4200 align=1
local.set 28
local.get 0
i32.load offset=4204 align=1
local.set 29
local.get 0
i32.load offset=4208 align=1
local.set 30
local.get 0
i32.load offset=4212 align=1
local.set 31
local.get 0
i32.load offset=4216 align=1
local.set 32
local.get 0
i32.load offset=4220 align=1
local.set 33
local.get 0
i32.load offset=4224 align=1
local.set 34
local.get 0
i32.load offset=4228 align=1
local.set 35
local.get 0
i32.load offset=4264 align=1
local.set 36
local.get 0
i32.load offset=4288 align=1
local.set 37
local.get 0
i32.load offset=4296 align=1
local.set 38
local.get 0
i32.load offset=36 align=1
local.set 39
block
local.get 2
i32.const 43
i32.sub
local.set 2
local.get 31
i32.const 40
i32.add
local.set 40
local.get 39
local.get 40
i32.const 12
i32.shr_u
i32.const 2
i32.shl
i32.add
i32.load align=1
local.set 41
local.get 41
local.get 40
i32.or
i32.const 3
i32.and
local.get 40
local.get 40
i32.const 103
i32.add
i32.xor
i32.const 12
i32.shr_u
i32.or
if
i32.const 45088770
local.set 3
br 1
end
local.get 40
local.get 41
i32.add
local.tee 42
local.get 8
i32.store align=1
local.get 42
local.get 9
i32.store offset=4 align=1
local.get 42
local.get 10
i32.store offset=8 align=1
local.get 42
local.get 11
i32.store offset=12 align=1
local.get 42
local.get 12
i32.store offset=16 align=1
local.get 42
local.get 13
i32.store offset=20 align=1
local.get 42
local.get 14
i32.store offset=24 align=1
local.get 42
local.get 15
i32.store offset=28 align=1
local.get 42
local.get 16
i32.store offset=32 align=1
local.get 42
local.get 17
i32.store offset=36 align=1
local.get 42
local.get 18
i32.store offset=40 align=1
local.get 42
local.get 19
i32.store offset=44 align=1
local.get 42
local.get 20
i32.store offset=48 align=1
local.get 42
local.get 21
i32.store offset=52 align=1
local.get 42
local.get 22
i32.store offset=56 align=1
local.get 42
local.get 23
i32.store offset=60 align=1
local.get 42
local.get 24
i32.store offset=64 align=1
local.get 42
local.get 25
i32.store offset=68 align=1
local.get 42
local.get 26
i32.store offset=72 align=1
local.get 42
local.get 27
i32.store offset=76 align=1
local.get 42
i32.const 0
i32.store offset=80 align=1
local.get 42
i32.const 0
i32.store offset=84 align=1
local.get 42
local.get 30
i32.store offset=88 align=1
local.get 42
local.get 28
i32.store offset=92 align=1
local.get 42
local.get 32
i32.store offset=96 align=1
local.get 42
local.get 33
i32.store offset=100 align=1
local.get 34
local.set 10
local.get 35
local.set 11
local.get 36
local.set 12
local.get 0
i32.const 0
i32.const 104
i64.extend_i32_u
i64.const 0
i64.const 0
call 0
local.set 43
local.get 43
i32.wrap_i64
local.set 42
local.get 42
local.set 13
local.get 38
local.set 14
local.get 37
local.set 15
local.get 0
local.get 10
i32.store offset=4128 align=1
local.get 0
local.get 11
i32.store offset=4132 align=1
local.get 0
local.get 12
i32.store offset=4136 align=1
local.get 0
local.get 13
i32.store offset=4140 align=1
local.get 0
local.get 14
i32.store offset=4144 align=1
local.get 0
local.get 15
i32.store offset=4148 align=1
local.get 31
i32.const 144
i32.add
local.set 40
local.get 39
local.get 40
i32.const 12
i32.shr_u
i32.const 2
i32.shl
i32.add
i32.load align=1
local.set 41
local.get 41
local.get 40
i32.or
i32.const 3
i32.and
local.get 40
local.get 40
i32.const 27
i32.add
i32.xor
i32.const 12
i32.shr_u
i32.or
if
i32.const 11534339
local.set 3
br 1
end
local.get 40
local.get 41
i32.add
local.tee 44
local.get 34
i32.store align=1
local.get 44
local.get 35
i32.store offset=4 align=1
local.get 44
local.get 36
i32.store offset=8 align=1
local.get 44
local.get 42
i32.store offset=12 align=1
local.get 44
local.get 38
i32.store offset=16 align=1
local.get 44
local.get 37
i32.store offset=20 align=1
local.get 44
local.get 29
i32.store offset=24 align=1
i32.const -2146427244
local.set 27
i32.const -2146434644
local.set 33
local.get 31
i32.const 16
i32.add
local.set 7
local.get 0
i32.const -2146427244
local.tee 44
i64.extend_i32_u
i64.store offset=16 align=1
local.get 0
local.get 7
i32.store offset=4112 align=1
local.get 0
local.get 27
i32.store offset=4196 align=1
local.get 0
local.get 33
i32.store offset=4220 align=1
i32.const 4
local.set 3
local.get 44
local.tee 42
i32.const 1
i32.shr_u
local.get 42
i32.const 13
i32.shr_u
i32.xor
i32.const 4095
i32.and
i32.const 5
i32.shl
local.get 0
i32.load offset=24 align=1
i32.add
local.set 42
local.get 42
i32.load align=1
local.get 44
i32.eq
local.get 42
i32.load offset=8 align=1
i32.const 16
i32.eq
i32.and
if
local.get 42
i32.load offset=12 align=1
local.set 4
local.get 42
i32.load offset=16 align=1
local.set 5
end
br 0
end
local.get 0
local.get 2
local.get 3
i32.const 20
i32.shr_u
i32.add
i32.store align=1
local.get 4
if
local.get 0
local.get 5
local.get 4
return_call_indirect (type 0)
end
global.get 0
local.get 3
i32.const 1048575
i32.and
i32.add
