// SPDX-License-Identifier: GPL-3.0-or-later
// The oracle: the same decoder written with ATen operators in fp64 and differentiated by LibTorch's tape. Attention is the plain
// matrix of scores per document, nothing is shared with the engine but the shapes.
#pragma once

#include "tests/engine/model/random_model.h"

#include <map>
#include <vector>

namespace lorikeet::test {

/// Faults that a test plants to see itself fail.
struct Plant {
    double thetaFactor = 1.0;
    double epsFactor = 1.0;
    double scaleFactor = 1.0;    ///< of the attention scores
    double residualFactor = 1.0;  ///< of what a branch adds
    double embeddingFactor = 1.0;
    double logitFactor = 1.0;
    int moreWindow = 0;          ///< added to the window where there is one
    bool ropeEverywhere = false; ///< in layers that have none
    double loraFactor = 1.0;     ///< of the adapter's scale
    bool liveNorms = false;      ///< DoRA: gradients through the norms
    bool leakDocuments = false;  ///< attention across documents
    bool interleavedRope = false;
};

struct OracleResult {
    double lossSum = 0;
    std::vector<double> gradient;  ///< flat, as the engine's
};

/// Frozen weights that are not the source's own: what quantised ones are read as.
using OtherWeights = std::map<ParamId, std::vector<double>>;

/// Loss sum times `gradientScale` differentiated for all that is trained; `flat` holds its values.
[[nodiscard]] OracleResult autogradLoss(const RandomSource& source, const plan::Trained& trained, const std::vector<double>& flat,
                                        const data::MicroBatch& batch, double gradientScale, const Plant& plant = {}, const OtherWeights& others = {});

}  // namespace lorikeet::test
