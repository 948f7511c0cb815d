# SPDX-License-Identifier: Apache-2.0
# Toolchain of a 32-bit Arm Linux with glibc and hard floats (Raspberry Pi OS 32-bit, Pi 2 and newer): Debian's gcc-arm-linux-gnueabihf.
set(CMAKE_SYSTEM_NAME Linux)
set(CMAKE_SYSTEM_PROCESSOR armv7l)
set(CMAKE_C_COMPILER arm-linux-gnueabihf-gcc)
set(CMAKE_ASM_COMPILER arm-linux-gnueabihf-gcc)
# NEON and VFPv4, which every Pi from the 2 on has: without them each fused multiply-add of the learner is a call into libm.
set(CMAKE_C_FLAGS_INIT "-march=armv7-a+neon-vfpv4")
set(CMAKE_FIND_ROOT_PATH_MODE_PROGRAM NEVER)
set(CMAKE_FIND_ROOT_PATH_MODE_LIBRARY ONLY)
set(CMAKE_FIND_ROOT_PATH_MODE_INCLUDE ONLY)
