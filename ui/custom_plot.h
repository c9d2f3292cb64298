// SPDX-License-Identifier: GPL-3.0-or-later
// qcustomplot.h in a project without Qt's keywords: it uses signals, slots, emit and foreach. For plot_view*.cpp only.
#pragma once

#include <QtCore/qforeach.h>
#include <QtCore/qobjectdefs.h>

#define signals Q_SIGNALS
#define slots
#define emit
#define foreach Q_FOREACH
#include <qcustomplot.h>
#undef signals
#undef slots
#undef emit
#undef foreach
