-- guests/panel.c, written by hand.
local LAMP, FAN, LOCK, BELL, FIRST_SEGMENT, SEGMENTS, ZONES = 17, 22, 23, 24, 4, 7, 8
local digits = {[0] = 0x3f, 0x06, 0x5b, 0x4f, 0x66, 0x6d, 0x7d, 0x07, 0x7f, 0x6f}
local lamp, fan, locked, bell, shown, ticks, armed, code, tries = 0, 0, 1, 0, 0, 0, false, 0, 0
local set_point, measured = {}, {}
for zone = 0, ZONES - 1 do set_point[zone], measured[zone] = 0, 0 end

local function clamp(value, low, high) return value < low and low or value > high and high or value end

function call_gpio_set(line, value) gpio_set(line, value) end
function lamp_on() lamp = 1; gpio_set(LAMP, lamp) end
function lamp_off() lamp = 0; gpio_set(LAMP, lamp) end
function lamp_toggle() lamp = lamp ~ 1; gpio_set(LAMP, lamp) end
function lamp_state() return lamp end
function fan_speed(percent) fan = clamp(percent, 0, 100) end
function fan_tick() ticks = ticks + 1; gpio_set(FAN, ticks % 100 < fan and 1 or 0) end
function fan_state() return fan end
function show_digit(digit)
  shown = digit % 10
  for n = 0, SEGMENTS - 1 do gpio_set(FIRST_SEGMENT + n, digits[shown] >> n & 1) end
end
function show_nothing()
  for n = 0, SEGMENTS - 1 do gpio_set(FIRST_SEGMENT + n, 0) end
end
function shown_digit() return shown end
function arm(secret) armed, code, tries = true, secret, 0 end
function unlock(secret)
  if armed and (tries >= 3 or secret ~= code) then
    tries = tries + 1
    return 0
  end
  tries, locked = 0, 0
  gpio_set(LOCK, locked)
  return 1
end
function lock() locked = 1; gpio_set(LOCK, locked) end
function is_locked() return locked end
function ring(times) bell = clamp(times, 0, 10) * 2 end
function bell_tick()
  if bell ~= 0 then bell = bell - 1; gpio_set(BELL, bell & 1) end
  return bell
end
function set_zone(zone, tenths) set_point[zone % ZONES] = clamp(tenths, 50, 300) end
function zone_is(zone, tenths) measured[zone % ZONES] = tenths end
function zone_demand(zone)
  local demand = set_point[zone % ZONES] - measured[zone % ZONES]
  return demand > 0 and demand or 0
end
function heat_demand()
  local sum = 0
  for zone = 0, ZONES - 1 do sum = sum + zone_demand(zone) end
  return sum
end
function coldest_zone()
  local coldest = 0
  for zone = 1, ZONES - 1 do
    if zone_demand(zone) > zone_demand(coldest) then coldest = zone end
  end
  return coldest
end
function everything_off()
  lamp_off()
  show_nothing()
  fan, bell = 0, 0
  gpio_set(FAN, fan)
  gpio_set(BELL, bell)
end
