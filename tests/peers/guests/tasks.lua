-- guests/gpio.wat, fib.wat and crc.c, written by hand. Names of the loops' and of recursion's functions are
-- local, as one writes Lua that has to be fast.
local gpio_set = gpio_set

function call_gpio_set(line, value) gpio_set(line, value) end

function blink(n)
  for _ = 1, n do
    gpio_set(17, 1)
    gpio_set(17, 0)
  end
end

function blink_line(line, n)
  for _ = 1, n do
    gpio_set(line, 1)
    gpio_set(line, 0)
  end
end

local function fib_of(n)
  if n < 2 then return n end
  return fib_of(n - 1) + fib_of(n - 2)
end
fib = fib_of

local crc_table = {}
for n = 0, 255 do
  local crc = n
  for _ = 1, 8 do
    if crc & 1 ~= 0 then crc = crc >> 1 ~ 0xedb88320 else crc = crc >> 1 end
  end
  crc_table[n] = crc
end

-- `buffer` is a string.
function crc32(buffer)
  local byte, crc_table, crc = string.byte, crc_table, 0xffffffff
  for n = 1, #buffer do
    crc = crc_table[(crc ~ byte(buffer, n)) & 0xff] ~ crc >> 8
  end
  return crc ~ 0xffffffff
end
