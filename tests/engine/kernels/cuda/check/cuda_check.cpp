// SPDX-License-Identifier: GPL-3.0-or-later
// The checks of tst_cuda_device as a program without Qt, for the `gpu` preset: prints one line per check, exit code 1 when one fails.
#include "engine/base/error.h"
#include "engine/model/cuda_device.h"
#include "tests/engine/kernels/cuda/device_checks.h"
#include "tests/engine/model/random_model.h"

#include <cstdio>

using namespace lorikeet;
using namespace lorikeet::test;

namespace {

bool checkDevice(const DeviceSpec& device)
{
    std::printf("%s: %s, context of %llu MiB\n", device.id.c_str(), device.name.c_str(), static_cast<unsigned long long>(device.contextBytes >> 20));
    const std::string wrong = opDisagreements(device);
    std::printf("ops: %s\n", wrong.empty() ? "all agree with the CPU" : wrong.c_str());
    bool good = wrong.empty();
    for (const std::string& shape : smallShapeNames())
        for (const char* precision : {"fp32", "bf16"}) {
            const StepCheck check = checkStep(device, shape, precision);
            std::printf("%s %s %s: %s\n", check.agrees() ? "good" : "WRONG", shape.c_str(), precision, check.describe().c_str());
            good = good && check.agrees();
        }
    return good;
}

}  // namespace

int main()
{
    try {
        const model::CudaDevices here = model::cudaDevices();
        if (here.usable.empty()) {
            std::printf("no device: %s\n", here.reason.c_str());
            return 1;
        }
        return checkDevice(here.usable.front()) ? 0 : 1;
    } catch (const Error& error) {
        std::printf("%s\n", error.what());
        return 1;
    }
}
